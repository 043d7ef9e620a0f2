/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/sim7600.h"

#include "at/at_line.h"

#include <ctype.h>
#include <string.h>

/* What is behind this and so many commas more is not shown. */
struct secret {
	const char *begin; /* in any case, with blanks anywhere */
	unsigned commas;
};

/* In a command line they can stand behind other commands: AT+CMEE=2;+CPIN=... (1.4.4). */
static const struct secret secrets[] = {
	{ "+CPIN=", 0 },
	{ "+CLCK=", 2 },
	{ "+CPWD=", 1 },
	{ "+CGAUTH=", 2 },
	{ "+CGAUTH:", 2 },
	{ "+CMQTTCONNECT=", 5 },
	{ "+CMQTTCONNECT:", 5 }, /* AT+CMQTTCONNECT? prints the password */
	{ "+CSSLCFG=\"keypwd\"", 2 },
	{ "+CMQTTCFG=\"aliauth\"", 2 },
	{ "+CSSLCFG:", 9 },
};

/* Final results and the like that begin with a letter. */
static const char *const plain_lines[] = { "OK", "ERROR", "RDY", "SMS DONE", "PB DONE", "RING",
	"NO CARRIER", "CONNECT", "BUSY", "NO ANSWER", ">" };

/* Where what stands at `from` goes on behind this beginning; 0: it does not begin so. */
static size_t behind(struct span line, size_t from, const char *begin)
{
	for (; *begin && from < line.len; from++) {
		if (line.data[from] == ' ')
			continue;
		if (tolower(line.data[from]) != tolower((unsigned char)*begin))
			return 0;
		begin++;
	}
	return *begin ? 0 : from;
}

/* Bytes of the line up to and with so many commas outside quotes; all of it if it has fewer. */
static size_t behind_commas(struct span line, size_t from, unsigned commas)
{
	bool in_quotes = false;
	size_t i;

	for (i = from; i < line.len && commas > 0; i++) {
		if (line.data[i] == '"')
			in_quotes = !in_quotes;
		else if (line.data[i] == ',' && !in_quotes)
			commas--;
	}
	return i;
}

static bool is_dialogue(struct span line)
{
	size_t i;

	if (line.len > 0 && (line.data[0] == '+' || line.data[0] == '*'))
		return true;
	if (behind(line, 0, "AT"))
		return true;
	for (i = 0; i < sizeof plain_lines / sizeof plain_lines[0]; i++)
		if (span_is(line, plain_lines[i]))
			return true;
	return false;
}

/* How much of the line may be shown. */
static size_t shown_len(struct span line)
{
	const struct secret *end = secrets + sizeof secrets / sizeof secrets[0];
	const struct secret *s;
	size_t i, from;

	for (i = 0; i < line.len; i++) {
		for (s = secrets; s < end; s++) {
			from = behind(line, i, s->begin);
			if (from > 0)
				return behind_commas(line, from, s->commas);
		}
	}
	return line.len;
}

int sim7600_mask_line(struct span line, bool is_expected, struct buf *out)
{
	size_t shown = shown_len(line);
	int r;

	if (!is_expected && !is_dialogue(line))
		return buf_printf(out, "<%zu bytes>", line.len);
	r = buf_append(out, line.data, shown);
	return r < 0 || shown == line.len ? r : buf_append(out, "***", 3);
}

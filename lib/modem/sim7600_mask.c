/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/sim7600.h"

#include "at/at_line.h"

#include <string.h>
#include <strings.h>

/* A line that shows a secret: what is behind this many commas is not shown. */
struct secret_line {
	const char *prefix; /* any case */
	unsigned commas;
};

static const struct secret_line secret_lines[] = {
	{ "AT+CPIN=", 0 },
	{ "AT+CLCK=", 2 },
	{ "AT+CPWD=", 1 },
	{ "AT+CGAUTH=", 2 },
	{ "+CGAUTH:", 2 },
	{ "AT+CMQTTCONNECT=", 5 },
	{ "+CMQTTCONNECT:", 5 }, /* AT+CMQTTCONNECT? prints the password */
	{ "AT+CSSLCFG=\"keypwd\"", 2 },
	{ "AT+CMQTTCFG=\"aliauth\"", 2 },
	{ "+CSSLCFG:", 9 },
};

/* Final results and the like that begin with a letter. */
static const char *const plain_lines[] = { "OK", "ERROR", "RDY", "SMS DONE", "PB DONE", "RING",
	"NO CARRIER", "CONNECT", "BUSY", "NO ANSWER", ">" };

static bool begins_with_nocase(struct span line, const char *prefix)
{
	size_t len = strlen(prefix);

	return line.len >= len && strncasecmp((const char *)line.data, prefix, len) == 0;
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
	if (begins_with_nocase(line, "AT"))
		return true;
	for (i = 0; i < sizeof plain_lines / sizeof plain_lines[0]; i++)
		if (span_is(line, plain_lines[i]))
			return true;
	return false;
}

int sim7600_mask_line(struct span line, bool is_expected, struct buf *out)
{
	const struct secret_line *s = secret_lines;
	size_t shown;
	int r;

	for (; s < secret_lines + sizeof secret_lines / sizeof secret_lines[0]; s++) {
		if (!begins_with_nocase(line, s->prefix))
			continue;
		shown = behind_commas(line, strlen(s->prefix), s->commas);
		r = buf_append(out, line.data, shown);
		return r < 0 || shown == line.len ? r : buf_append(out, "***", 3);
	}
	if (!is_expected && !is_dialogue(line))
		return buf_printf(out, "<%zu bytes>", line.len);
	return buf_append(out, line.data, line.len);
}

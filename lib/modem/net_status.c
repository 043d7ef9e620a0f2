/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/net_status.h"

#include "at/at_line.h"

#include <stdio.h>
#include <string.h>

void net_status_init(struct net_status *n, struct modem_status *status)
{
	*n = (struct net_status){ .status = status };
}

void net_status_forget(struct net_status *n)
{
	memset(n->registration, NET_OFF, sizeof n->registration);
	n->status->is_registered = false;
	n->status->is_roaming = false;
	n->status->rssi_dbm = 0;
	n->is_registration_told = false;
	n->has_signal = false;
	n->had_signal = false;
	n->status->operator_name[0] = '\0';
	n->status->technology[0] = '\0';
}

static void copy(char *to, size_t size, struct span text)
{
	snprintf(to, size, "%.*s", (int)text.len, text.len > 0 ? (const char *)text.data : "");
}

static void set_registration(struct net_status *n, enum net_domain domain, struct span line)
{
	bool is_home = false, is_roaming = false;
	struct span second;
	uint32_t stat;
	size_t i;

	/* "n,stat[,...]" as an answer, "stat" unasked (AT+CREG=1). */
	if (!at_line_number(line, at_line_field(line, 1, &second) ? 1 : 0, &stat) || stat > 10)
		return;
	n->is_registration_told = true;
	n->registration[domain] = (uint8_t)stat;
	for (i = 0; i < NET_DOMAINS; i++) {
		is_home = is_home || n->registration[i] == NET_HOME;
		is_roaming = is_roaming || n->registration[i] == NET_ROAMING;
	}
	n->status->is_registered = is_home || is_roaming;
	n->status->is_roaming = is_roaming && !is_home;
}

/* AT manual 3.2.2: 0..31 in steps of 2 dBm, 99 unknown; 100..191 and 199 for TD-SCDMA. */
static void set_signal(struct net_status *n, struct span line)
{
	uint32_t rssi;

	if (!at_line_number(line, 0, &rssi))
		return;
	if (rssi <= 31)
		n->status->rssi_dbm = -113 + 2 * (int)rssi;
	else if (rssi >= 100 && rssi <= 191)
		n->status->rssi_dbm = -116 + (int)(rssi - 100);
	else
		n->status->rssi_dbm = 0;
	n->has_signal = n->status->rssi_dbm != 0;
	n->had_signal = n->had_signal || n->has_signal;
}

static void set_technology(struct net_status *n, const char *name)
{
	snprintf(n->status->technology, sizeof n->status->technology, "%s", name);
}

/* +COPS: mode[,format,"operator"[,AcT]] */
static void set_operator(struct net_status *n, struct span line)
{
	struct span name = { 0 };
	uint32_t act;

	if (!at_line_number(line, 0, &n->operator_mode))
		n->operator_mode = 0;
	at_line_field(line, 2, &name);
	copy(n->status->operator_name, sizeof n->status->operator_name, name);
	if (!at_line_number(line, 3, &act))
		return;
	if (act == 0)
		set_technology(n, "GSM");
	else if (act == 2)
		set_technology(n, "UMTS");
	else if (act == 7)
		set_technology(n, "LTE");
}

/* +CPSI: LTE,Online,... */
static void set_system(struct net_status *n, struct span line)
{
	static const struct {
		const char *text;
		const char *technology;
	} systems[] = { { "LTE", "LTE" }, { "WCDMA", "UMTS" }, { "GSM", "GSM" }, { "TDS", "UMTS" },
		{ "CDMA", "CDMA" }, { "EVDO", "CDMA" }, { "NO SERVICE", "" } };
	struct span field;
	size_t i;

	if (!at_line_field(line, 0, &field))
		return;
	for (i = 0; i < sizeof systems / sizeof systems[0]; i++)
		if (span_is(field, systems[i].text))
			set_technology(n, systems[i].technology);
}

void net_status_line(struct net_status *n, struct span line)
{
	if (span_begins_with(line, "+CREG:"))
		set_registration(n, NET_CREG, line);
	else if (span_begins_with(line, "+CGREG:"))
		set_registration(n, NET_CGREG, line);
	else if (span_begins_with(line, "+CEREG:"))
		set_registration(n, NET_CEREG, line);
	else if (span_begins_with(line, "+CSQ:"))
		set_signal(n, line);
	else if (span_begins_with(line, "+COPS:"))
		set_operator(n, line);
	else if (span_begins_with(line, "+CPSI:"))
		set_system(n, line);
}

bool net_status_is_tied(const struct net_status *n)
{
	return n->operator_mode != 0;
}

bool net_status_is_denied(const struct net_status *n)
{
	return !n->status->is_registered &&
	       memchr(n->registration, NET_DENIED, sizeof n->registration) != NULL;
}

bool net_status_is_deaf(const struct net_status *n)
{
	return n->had_signal && !n->has_signal;
}

/* The value of an identity line: behind "+CGMR: " and the like if that stands before it. Unasked
 * lines that came between are none. */
static bool identity(struct span line, const char *prefix, struct span *ret)
{
	size_t skip = 0;

	if (span_begins_with(line, prefix)) {
		skip = strlen(prefix);
		while (skip < line.len && line.data[skip] == ' ')
			skip++;
	} else if (line.len > 0 && (line.data[0] == '+' || line.data[0] == '*')) {
		return false;
	}
	*ret = (struct span){ .data = line.data + skip, .len = line.len - skip };
	return ret->len > 0;
}

void net_status_model(struct net_status *n, struct span line)
{
	struct span value;

	if (identity(line, "+CGMM:", &value))
		copy(n->status->model, sizeof n->status->model, value);
}

void net_status_revision(struct net_status *n, struct span line)
{
	struct span value;

	if (identity(line, "+CGMR:", &value))
		copy(n->status->revision, sizeof n->status->revision, value);
}

void net_status_imei(struct net_status *n, struct span line)
{
	struct span value;

	if (identity(line, "+CGSN:", &value))
		copy(n->status->imei, sizeof n->status->imei, value);
}

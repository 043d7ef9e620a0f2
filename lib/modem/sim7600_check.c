/* SPDX-License-Identifier: Apache-2.0 */
#include "modem/sim7600.h"

#include "at/at_template.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ADDR_MAX_TEXT (MODEM_SERVER_ADDR_MAX + 1)

int sim7600_server_addr(const struct broker_config *cfg, char *ret_addr, size_t size)
{
	int len = snprintf(ret_addr, size, "tcp://%s:%u", cfg->host, (unsigned)cfg->port);

	return len < 0 || (size_t)len >= size ? -EMSGSIZE : 0;
}

void sim7600_fill_acquire(struct at_args *args, unsigned client, const struct broker_config *cfg)
{
	at_args_number(args, "client_index", client);
	at_args_text(args, "clientID", cfg->client_id);
	at_args_number(args, "server_type", cfg->is_tls ? 1 : 0);
	at_args_number(args, "optimeout_val", SIM7600_OP_TIMEOUT_S);
}

void sim7600_fill_connect(
    struct at_args *args, unsigned client, const struct broker_config *cfg, const char *server_addr)
{
	at_args_number(args, "client_index", client);
	if (cfg->is_tls)
		at_args_number(args, "ssl_ctx_index", cfg->tls.context);
	if (cfg->will.topic) {
		at_args_text(args, "will_topic", cfg->will.topic);
		at_args_bytes(args, "will_message", cfg->will.payload.data, cfg->will.payload.len);
		at_args_number(args, "qos", cfg->will.qos);
	}
	at_args_text(args, "server_addr", server_addr);
	at_args_number(args, "keepalive_time", cfg->keepalive_s);
	at_args_number(args, "clean_session", cfg->clean_session ? 1 : 0);
	at_args_text(args, "user_name", cfg->username);
	if (cfg->username)
		at_args_secret(args, "pass_word", cfg->password);
}

void sim7600_publish_flags(struct at_args *args, bool retain, bool dup)
{
	at_args_unset(args, "ratained");
	at_args_unset(args, "dup");
	if (retain || dup)
		at_args_number(args, "ratained", retain);
	if (dup)
		at_args_number(args, "dup", 1);
}

/* 5.2 CNMP: 2 automatic, 13 GSM only, 14 WCDMA only, 38 LTE only. */
void sim7600_fill_network(struct at_args *args, const struct modem_config *cfg)
{
	static const struct {
		const char *technology;
		unsigned mode;
	} modes[] = { { "auto", 2 }, { "gsm", 13 }, { "umts", 14 }, { "lte", 38 } };
	size_t i;

	for (i = 0; cfg->technology && i < sizeof modes / sizeof modes[0]; i++)
		if (strcmp(modes[i].technology, cfg->technology) == 0)
			at_args_number(args, "mode", modes[i].mode);
	at_args_text(args, "oper", cfg->operator_code);
}

/* ---- checks ---- */

static bool is_sendable(const char *text, size_t min, size_t max)
{
	size_t len = strlen(text);

	return len >= min && len <= max && at_template_is_safe(text, len);
}

static bool is_utf8(const char *text)
{
	return utf8_is_mqtt_string((const uint8_t *)text, strlen(text));
}

/* A topic goes over as counted bytes, so that any character may be in it that MQTT allows. */
static bool is_topic(const char *topic, bool is_filter)
{
	size_t len = strlen(topic);

	return len >= 1 && len <= MODEM_TOPIC_MAX && is_utf8(topic) &&
	       (is_filter || !strpbrk(topic, "+#"));
}

static bool is_address_fine(const struct broker_config *cfg)
{
	char addr[ADDR_MAX_TEXT];

	return cfg->host && is_sendable(cfg->host, 1, MODEM_SERVER_ADDR_MAX) &&
	       !strpbrk(cfg->host, " ,;/") && cfg->port != 0 &&
	       sim7600_server_addr(cfg, addr, sizeof addr) == 0;
}

static bool is_identity_fine(const struct broker_config *cfg)
{
	return cfg->client_id && is_sendable(cfg->client_id, 1, MODEM_CLIENT_ID_MAX) &&
	       is_utf8(cfg->client_id) &&
	       (!cfg->username || is_sendable(cfg->username, 1, MODEM_CREDENTIAL_MAX)) &&
	       (!cfg->password ||
		   (cfg->username && is_sendable(cfg->password, 1, MODEM_CREDENTIAL_MAX)));
}

static bool is_tls_fine(const struct tls_config *tls)
{
	return tls->context < MODEM_SSL_CONTEXTS && tls->negotiate_s >= 10 &&
	       tls->negotiate_s <= 300 && (tls->ca.len > 0 || !tls->verify) &&
	       (tls->cert.len == 0) == (tls->key.len == 0) && tls->ca.len <= MODEM_CERT_MAX &&
	       tls->cert.len <= MODEM_CERT_MAX && tls->key.len <= MODEM_CERT_MAX;
}

static bool is_message_fine(const struct message_config *m, size_t min, size_t max)
{
	return !m->topic || (is_topic(m->topic, false) && m->qos <= 2 && m->payload.len >= min &&
				m->payload.len <= max);
}

static bool are_filters_fine(const struct broker_config *cfg)
{
	size_t i;

	for (i = 0; i < cfg->filter_count; i++)
		if (!is_topic(cfg->filters[i].filter, true) || cfg->filters[i].qos > 2)
			return false;
	return cfg->filter_count <= BRIDGE_ROUTES_MAX;
}

bool sim7600_connect_fits(const struct broker_config *cfg, size_t line_max)
{
	const struct at_step *step = sim7600_connect_script;
	char addr[ADDR_MAX_TEXT];
	struct at_args args;
	struct buf line;
	bool does_fit;

	if (sim7600_server_addr(cfg, addr, sizeof addr) < 0)
		return false;
	at_args_init(&args);
	sim7600_fill_connect(&args, MODEM_CLIENTS - 1, cfg, addr);
	while (!step->answer)
		step++;
	buf_init(&line, AT_CMD_LONG_MAX + 2);
	does_fit = at_template_expand(step->send, &args, line_max, false, &line) == 0;
	buf_fini(&line);
	return does_fit;
}

int sim7600_check_broker(const struct broker_config *cfg)
{
	bool is_fine = is_identity_fine(cfg) && is_address_fine(cfg) &&
		       (!cfg->is_tls || is_tls_fine(&cfg->tls)) &&
		       is_message_fine(&cfg->will, 1, MODEM_WILL_MAX) &&
		       is_message_fine(&cfg->birth, 0, MODEM_PAYLOAD_MAX) &&
		       are_filters_fine(cfg) && cfg->keepalive_s >= 1 &&
		       cfg->keepalive_s <= MODEM_KEEPALIVE_MAX_S && cfg->reconnect_min_ms > 0 &&
		       cfg->reconnect_min_ms <= cfg->reconnect_max_ms;

	return is_fine ? 0 : -EINVAL;
}

static bool is_pdp_type(const char *type)
{
	return strcmp(type, "IP") == 0 || strcmp(type, "IPV6") == 0 || strcmp(type, "IPV4V6") == 0;
}

static bool is_pin(const char *pin)
{
	size_t len = strlen(pin);

	return len >= 4 && len <= 8 && strspn(pin, "0123456789") == len;
}

static bool is_operator_code(const char *code)
{
	size_t len = strlen(code);

	return (len == 5 || len == 6) && strspn(code, "0123456789") == len;
}

int sim7600_check_modem(const struct modem_config *cfg)
{
	bool is_fine = (!cfg->apn || is_sendable(cfg->apn, 1, 100)) &&
		       (!cfg->apn_user || (cfg->apn && is_sendable(cfg->apn_user, 1, 127))) &&
		       !cfg->apn_user == !cfg->apn_password &&
		       (!cfg->apn_password || is_sendable(cfg->apn_password, 1, 127)) &&
		       (!cfg->pdp_type || is_pdp_type(cfg->pdp_type)) &&
		       (!cfg->operator_code || is_operator_code(cfg->operator_code)) &&
		       (!cfg->pin || is_pin(cfg->pin));

	return is_fine ? 0 : -EINVAL;
}

/* Commands after which the modem takes what comes next as data, or answers in another way than we
 * read: they would take the line away from the daemon. */
static const char *const refused_commands[] = { "+CMQTTTOPIC=", "+CMQTTPAYLOAD=", "+CMQTTSUBTOPIC=",
	"+CMQTTUNSUBTOPIC=", "+CMQTTWILLTOPIC=", "+CMQTTWILLMSG=", "+CMQTTSUB=", "+CMQTTUNSUB=",
	"+CCERTDOWN=", "+CIPSEND", "+CCHSEND=", "+CMGS=", "+CMGW=", "+HTTPDATA=", "+CFTRANRX=",
	"+CMUX=", "+IPR=", "+IPREX=", "ATD", "ATO", "ATQ1", "ATV0", "ATS3=", "ATS4=", "ATZ",
	"AT&F" };

static bool contains(const char *text, const char *part)
{
	size_t len = strlen(part);

	for (; *text; text++)
		if (strncasecmp(text, part, len) == 0)
			return true;
	return false;
}

bool sim7600_is_operator_command(const char *command)
{
	size_t len = strlen(command);
	size_t i;

	if (len < 2 || len > AT_CMD_MAX + 2 || strncasecmp(command, "AT", 2) != 0)
		return false;
	for (i = 0; i < len; i++)
		if (command[i] < 0x20 || command[i] > 0x7e)
			return false;
	for (i = 0; i < sizeof refused_commands / sizeof refused_commands[0]; i++)
		if (contains(command, refused_commands[i]))
			return false;
	return true;
}

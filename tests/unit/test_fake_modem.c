/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated modem alone: host lines in, exact bytes out, in the shapes of the manual and of
 * captures. */
#include "modem/fake_modem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* One step of a dialogue. */
struct step {
	enum {
		END,
		LINE,    /* text and CR; then 50 ms pass */
		BYTES,   /* text as it is; then 50 ms pass */
		EXPECT,  /* all that came since the last EXPECT, exactly */
		WAIT,    /* number ms */
		DONE,    /* the uplink ends the operation of client 0 with number */
		LOST,    /* the uplink lost the connection of client 0, cause number */
		MESSAGE, /* for client 0: text = topic, text2 = payload */
		OPS,     /* what the uplink was asked since the last OPS */
		FAULT,   /* a rule */
		RESTART, /* the host was restarted */
		FIXED,   /* out of number bytes of 'x' */
	} kind;
	const char *text, *text2;
	int number;
};

#define L(s)                     \
	{                        \
		LINE, s, NULL, 0 \
	}
#define B(s)                      \
	{                         \
		BYTES, s, NULL, 0 \
	}
#define E(s)                       \
	{                          \
		EXPECT, s, NULL, 0 \
	}
#define W(ms)                        \
	{                            \
		WAIT, NULL, NULL, ms \
	}
#define D(err)                        \
	{                             \
		DONE, NULL, NULL, err \
	}
#define LOSE(cause)                     \
	{                               \
		LOST, NULL, NULL, cause \
	}
#define M(t, p)                  \
	{                        \
		MESSAGE, t, p, 0 \
	}
#define O(s)                    \
	{                       \
		OPS, s, NULL, 0 \
	}
#define F(s)                      \
	{                         \
		FAULT, s, NULL, 0 \
	}
#define X(n)                         \
	{                            \
		FIXED, NULL, NULL, n \
	}
#define OK  "\r\nOK\r\n"
#define ERR "\r\nERROR\r\n"

#define STARTED                                \
	L("ATE0"), L("AT+CMQTTSTART"), W(400), \
	{                                      \
		EXPECT, NULL, NULL, 0          \
	}
#define ACQUIRED STARTED, L("AT+CMQTTACCQ=0,\"gw\",0,4"), E(OK)
#define CONNECTED                                                             \
	ACQUIRED, L("AT+CMQTTCONNECT=0,\"tcp://b.example:1883\",60,1"), D(0), \
	    E(OK "\r\n+CMQTTCONNECT: 0,0\r\n"), O("connect b.example:1883 gw v4 k60 c1;")

struct row {
	const char *name;
	void (*tweak)(struct fake_modem_cfg *cfg);
	const char *violation; /* the one kind that must be reported; NULL: none at all */
	struct step steps[40];
};

/* ---- an uplink that writes down what it is asked ---- */

struct bench {
	struct fake_modem *m;
	uint64_t now;
	char ops[8192];
	uint32_t handle[FAKE_CLIENTS];
	char out[65536];
	size_t out_len;
	char violations[512];
};

static void note(struct bench *b, const char *fmt, ...)
{
	size_t n = strlen(b->ops);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b->ops + n, sizeof b->ops - n, fmt, ap);
	va_end(ap);
}

static int up_connect(void *ctx, unsigned client, uint32_t handle, const struct fake_connect *w)
{
	struct bench *b = ctx;

	b->handle[client] = handle;
	note(b, "connect %s:%u %s v%d k%u c%d", w->host, w->port, w->client_id, w->mqtt_version,
	    w->keepalive_s, w->clean);
	if (w->user)
		note(b, " u=%s", w->user);
	if (w->password)
		note(b, " p=%s", w->password);
	if (w->will_topic.data)
		note(b, " will=%s:%s:%d", (const char *)w->will_topic.data,
		    (const char *)w->will_message.data, w->will_qos);
	if (w->tls.enabled)
		note(b, " tls%d/%d t%d s%d ca=%zu cert=%zu key=%zu", w->tls.version,
		    w->tls.authmode, w->tls.ignore_local_time, w->tls.sni, w->tls.ca.len,
		    w->tls.cert.len, w->tls.key.len);
	note(b, ";");
	return 0;
}

static int up_publish(void *ctx, unsigned client, uint32_t handle, const struct fake_publish *w)
{
	struct bench *b = ctx;

	b->handle[client] = handle;
	note(b, "pub %.*s=%.*s q%d r%d d%d;", (int)w->topic.len, (const char *)w->topic.data,
	    (int)w->payload.len, w->payload.data ? (const char *)w->payload.data : "", w->qos,
	    w->retain, w->dup);
	return 0;
}

static int up_topics(struct bench *b, const char *what, unsigned client, uint32_t handle,
    const struct fake_topic *t, size_t n)
{
	b->handle[client] = handle;
	note(b, "%s", what);
	for (size_t i = 0; i < n; i++)
		note(b, " %.*s/%d", (int)t[i].topic.len, (const char *)t[i].topic.data, t[i].qos);
	note(b, ";");
	return 0;
}

static int up_subscribe(
    void *ctx, unsigned client, uint32_t handle, const struct fake_topic *t, size_t n)
{
	return up_topics(ctx, "sub", client, handle, t, n);
}

static int up_unsubscribe(
    void *ctx, unsigned client, uint32_t handle, const struct fake_topic *t, size_t n)
{
	return up_topics(ctx, "unsub", client, handle, t, n);
}

static int up_disconnect(void *ctx, unsigned client, uint32_t handle)
{
	struct bench *b = ctx;

	b->handle[client] = handle;
	note(b, "disconnect;");
	return 0;
}

static void up_abort(void *ctx, unsigned client)
{
	note(ctx, "abort %u;", client);
}

static const struct fake_uplink_ops ops = { up_connect, up_publish, up_subscribe, up_unsubscribe,
	up_disconnect, up_abort };

static void on_report(void *ctx, uint64_t now, const struct fake_report *r)
{
	struct bench *b = ctx;
	size_t n = strlen(b->violations);

	(void)now;
	if (r->severity == FAKE_VIOLATION)
		snprintf(b->violations + n, sizeof b->violations - n, "%s%s", n ? " " : "",
		    fake_report_name(r->kind));
}

/* ---- running a row ---- */

static void drain(struct bench *b)
{
	const uint8_t *p;
	size_t n = fake_modem_out(b->m, b->now, &p);

	assert_true(b->out_len + n < sizeof b->out);
	if (n)
		memcpy(b->out + b->out_len, p, n);
	b->out_len += n;
	fake_modem_out_consume(b->m, n);
}

static void pass(struct bench *b, uint64_t ms)
{
	uint64_t end = b->now + ms, due;

	for (;;) {
		drain(b);
		due = fake_modem_deadline(b->m);
		if (due > end)
			break;
		if (due > b->now)
			b->now = due;
	}
	b->now = end;
	drain(b);
}

static void send(struct bench *b, const char *s, size_t n)
{
	fake_modem_rx(b->m, b->now, (const uint8_t *)s, n);
	pass(b, 50);
}

static void send_line(struct bench *b, const char *s)
{
	char line[2048];
	int n = snprintf(line, sizeof line, "%s\r", s);

	send(b, line, (size_t)n);
}

static void expect(struct bench *b, const char *name, size_t at, const char *want)
{
	b->out[b->out_len] = '\0';
	if (want && (b->out_len != strlen(want) || memcmp(b->out, want, b->out_len) != 0)) {
		print_error("%s, step %zu\nwant: %s\ngot:  %s\n", name, at, want, b->out);
		fail();
	}
	b->out_len = 0;
}

static void do_fault(struct bench *b, const char *text)
{
	struct fake_fault f;

	assert_int_equal(fake_fault_parse(text, &f), 0);
	fake_modem_add_fault(b->m, &f);
}

static void do_fixed(struct bench *b, int n)
{
	char *s = malloc((size_t)n);

	assert_non_null(s);
	memset(s, 'x', (size_t)n);
	send(b, s, (size_t)n);
	free(s);
}

static void do_step(struct bench *b, const struct row *r, const struct step *s, size_t at)
{
	switch (s->kind) {
	case LINE:
		send_line(b, s->text);
		break;
	case BYTES:
		send(b, s->text, strlen(s->text));
		break;
	case EXPECT:
		expect(b, r->name, at, s->text);
		break;
	case WAIT:
		pass(b, (uint64_t)s->number);
		break;
	case DONE:
		fake_modem_up_done(b->m, b->now, 0, b->handle[0], s->number);
		pass(b, 50);
		break;
	case LOST:
		fake_modem_up_lost(b->m, b->now, 0, s->number);
		pass(b, 50);
		break;
	case MESSAGE:
		fake_modem_up_message(b->m, b->now, 0, (const uint8_t *)s->text, strlen(s->text),
		    (const uint8_t *)s->text2, strlen(s->text2));
		pass(b, 50);
		break;
	case OPS:
		if (strcmp(b->ops, s->text) != 0)
			print_error("%s, step %zu\n", r->name, at);
		assert_string_equal(b->ops, s->text);
		b->ops[0] = '\0';
		break;
	case FAULT:
		do_fault(b, s->text);
		break;
	case RESTART:
		fake_modem_host_restarted(b->m);
		break;
	case FIXED:
		do_fixed(b, s->number);
		break;
	case END:
		break;
	}
}

static void begin(struct bench *b, void (*tweak)(struct fake_modem_cfg *), bool warm)
{
	struct fake_modem_cfg cfg;

	*b = (struct bench){ .now = 1000 };
	fake_modem_cfg_init(&cfg);
	cfg.warm = warm;
	cfg.report = on_report;
	cfg.ctx = b;
	if (tweak)
		tweak(&cfg);
	b->m = fake_modem_new(&cfg, b->now, &ops, b);
	if (warm) { /* a first clean command and CONNECT end what is forgiven after a restart */
		send_line(b, "AT");
		b->out_len = 0;
	}
}

static void run_row(const struct row *r, bool warm)
{
	struct bench b;
	size_t i;

	begin(&b, r->tweak, warm);
	for (i = 0; r->steps[i].kind != END; i++)
		do_step(&b, r, &r->steps[i], i);
	if (strcmp(b.violations, r->violation ? r->violation : "") != 0)
		print_error("%s: violations\n", r->name);
	assert_string_equal(b.violations, r->violation ? r->violation : "");
	fake_modem_free(b.m);
}

/* ---- rows ---- */

static void ok_first(struct fake_modem_cfg *c)
{
	c->start_order = c->stop_order = c->disc_order = FAKE_OK_FIRST;
}

static void ok_only(struct fake_modem_cfg *c)
{
	c->start_order = FAKE_OK_ONLY;
}

static void drop_early(struct fake_modem_cfg *c)
{
	c->busy_input = FAKE_BUSY_DROP;
}

static void no_network(struct fake_modem_cfg *c)
{
	c->register_stat = 2;
}

static void error_result(struct fake_modem_cfg *c)
{
	c->register_stat = 2;
	c->start_fail = FAKE_FAIL_ERROR_RESULT;
}

static void says_9(struct fake_modem_cfg *c)
{
	c->closed_says_9 = true;
}

static void says_20(struct fake_modem_cfg *c)
{
	c->rel_free_says_20 = true;
}

static void netopen_error(struct fake_modem_cfg *c)
{
	c->netopen_error = true;
}

static void connect_result_error(struct fake_modem_cfg *c)
{
	c->connect_fail = FAKE_FAIL_RESULT_ERROR;
}

static void connect_bare(struct fake_modem_cfg *c)
{
	c->connect_fail = FAKE_FAIL_BARE_ERROR;
}

static void stray_ok(struct fake_modem_cfg *c)
{
	c->stray = FAKE_STRAY_OK_AFTER;
}

static void stray_error(struct fake_modem_cfg *c)
{
	c->stray = FAKE_STRAY_ERROR_BEFORE;
}

static void early_file(struct fake_modem_cfg *c)
{
	c->missing_file_refused_early = true;
}

static void existing_fails(struct fake_modem_cfg *c)
{
	c->certdown_existing_fails = true;
}

static void chunk_4(struct fake_modem_cfg *c)
{
	c->rx_chunk = 4;
	c->rx_topic_chunk = 2;
}

static const struct row line_rows[] = {
	{ "echo is the command and its CR, the LF is swallowed", NULL, NULL,
	    { B("AT\r\n"), E("AT\r" OK), L("ATE0"), E("ATE0\r" OK), L("AT"), E(OK), L("ATE1"),
		E(OK), L("at"), E("at\r" OK) } },
	{ "identity", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CGMM"), E("\r\nSIMCOM_SIM7600G-H\r\n" OK),
		L("ATI"),
		E("\r\nManufacturer: SIMCOM INCORPORATED\r\nModel: SIMCOM_SIM7600G-H\r\n"
		  "Revision: LE20B04SIM7600G22\r\nIMEI: 864200050000017\r\n+GCAP: "
		  "+CGSM\r\n" OK) } },
	{ "lower case, blanks after commas, joined commands", NULL, NULL,
	    { L("ATE0;+CMEE=1"), E("ATE0;+CMEE=1\r" OK), L("at+cmee?;+creg?"),
		E("\r\n+CMEE: 1\r\n\r\n+CREG: 0,1\r\n" OK),
		L("AT+CSSLCFG=\"ignorelocaltime\", 0, 0"), E(OK) } },
	{ "unknown command", NULL, "unknown-command", { L("AT+NOSUCH"), E("AT+NOSUCH\r" ERR) } },
	{ "a form the command does not have", NULL, "unknown-command",
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CNSMOD"), E(ERR) } },
	{ "unbalanced quote", NULL, "quoting",
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CSSLCFG=\"sslversion\",0,4\""),
		E(ERR) } },
	{ "junk before AT", NULL, "not-a-command", { L("ATE0"), L("xxAT"), E("ATE0\r" OK OK) } },
	{ "a line without AT gets no answer", NULL, "not-a-command",
	    { L("ATE0"), L("hello"), L(""), L("AT"), E("ATE0\r" OK OK) } },
	{ "second command before the final result", NULL, "early-command",
	    { L("ATE0"), B("AT+CSQ\rAT\r"), E("ATE0\r" OK "\r\n+CSQ: 22,99\r\n" OK OK) } },
	{ "the same where the firmware drops it", drop_early, "early-command",
	    { L("ATE0"), L("AT+CMQTTSTART"), L("AT"), W(400),
		E("ATE0\r" OK "\r\n+CMQTTSTART: 0\r\n" OK) } },
	{ "prompt command joined", NULL, "joined",
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CCERTDOWN=\"a.pem\",5;+CSQ"), E(ERR) } },
};

static const struct row net_rows[] = {
	{ "registration forms", NULL, NULL,
	    { L("ATE0;+CEREG=2"), { EXPECT, NULL, NULL, 0 }, L("AT+CEREG?"),
		E("\r\n+CEREG: 2,1,\"775C\",\"778D3D3\",7\r\n" OK), L("AT+CGREG?"),
		E("\r\n+CGREG: 0,1\r\n" OK), L("AT+COPS?"),
		E("\r\n+COPS: 0,0,\"Simulated Mobile\",7\r\n" OK), L("AT+CPIN?"),
		E("\r\n+CPIN: READY\r\n" OK) } },
	{ "NETOPEN: same prefix for question and result", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+NETOPEN?"), E("\r\n+NETOPEN: 0\r\n" OK),
		L("AT+NETOPEN"), W(500), E(OK "\r\n+NETOPEN: 0\r\n"), L("AT+NETOPEN?"),
		E("\r\n+NETOPEN: 1\r\n" OK), L("AT+NETOPEN"),
		E("\r\n+IP ERROR: Network is already opened\r\n" ERR), L("AT+NETCLOSE"),
		L("AT+NETCLOSE"), W(500), E(OK OK "\r\n+NETCLOSE: 0\r\n"), L("AT+NETCLOSE"),
		E("\r\n+NETCLOSE: 2\r\n" ERR) } },
	{ "NETOPEN that never works", netopen_error, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+NETOPEN"), E(ERR) } },
	{ "clock set by the host", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CCLK=\"26/03/04,05:06:07+08\""), E(OK),
		L("AT+CCLK?"), E("\r\n+CCLK: \"26/03/04,05:06:07+08\"\r\n" OK) } },
	{ "clock nonsense", NULL, "parameter",
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CCLK=\"26/13/04,05:06:07+08\""),
		E(ERR) } },
	{ "reset idle with the service up and NETOPEN used", NULL, NULL,
	    { STARTED, L("AT+NETOPEN"), W(500), { EXPECT, NULL, NULL, 0 }, L("AT+CRESET"), W(200),
		E(OK "\r\n+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY\r\n\r\n+CMQTTNONET\r\n"), L("AT"),
		E(""), W(5000), E("\r\nRDY\r\n"), L("AT"), E("AT\r" OK), W(10000),
		E("\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n\r\nPB DONE\r\n") } },
	{ "reset while connected", NULL, NULL,
	    { CONNECTED, L("AT+NETOPEN"), W(500), { EXPECT, NULL, NULL, 0 }, L("AT+CRESET"), W(200),
		E(OK "\r\n+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY\r\n\r\n+CMQTTCONNLOST: 0,3\r\n"
		     "\r\n+CMQTTNONET\r\n"),
		O("abort 0;") } },
	{ "reset with nothing up says nothing", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CRESET"), W(200), E(OK) } },
	{ "radio off kills the service", NULL, NULL,
	    { CONNECTED, L("AT+CFUN=4"), E("\r\n+CMQTTCONNLOST: 0,3\r\n\r\n+CMQTTNONET\r\n" OK),
		L("AT+CFUN=1"), E(OK), W(4000), L("AT+CREG?"), E("\r\n+CREG: 0,1\r\n" OK),
		L("AT+CMQTTSTART"), W(400), E("\r\n+CMQTTSTART: 0\r\n" OK) } },
};

static const struct row ssl_rows[] = {
	{ "certificates", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CCERTLIST"), E(OK),
		L("AT+CCERTDOWN=\"ca.pem\",6"), E("\r\n>"), B("AT\r\nOK"), E(OK),
		L("AT+CCERTDOWN=\"k.der\",1"), B("\r"), E("\r\n>" OK), L("AT+CCERTLIST"),
		E("\r\n+CCERTLIST: \"ca.pem\"\r\n+CCERTLIST: \"k.der\"\r\n" OK),
		L("AT+CCERTDELE=\"ca.pem\""), E(OK), L("AT+CCERTDELE=\"ca.pem\""), E(ERR) } },
	{ "data is echoed while echo is on", NULL, NULL,
	    { L("AT+CCERTDOWN=\"a.pem\",3"), B("a"), B("bc"),
		E("AT+CCERTDOWN=\"a.pem\",3\r\r\n>abc" OK) } },
	{ "file name too short", NULL, "parameter",
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CCERTDOWN=\".pem\",3"), E(ERR) } },
	{ "file length too large", NULL, "parameter",
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CCERTDOWN=\"a.pem\",10241"), E(ERR) } },
	{ "an existing name refused", existing_fails, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CCERTDOWN=\"a.pem\",1"), B("x"),
		E("\r\n>" OK), L("AT+CCERTDOWN=\"a.pem\",1"), E(ERR) } },
	{ "context defaults verify nothing", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CSSLCFG=1"),
		E("\r\n+CSSLCFG: 1,4,0,1,300,\"\",\"\",\"\",0,\"\",0xFFFF\r\n" OK),
		L("AT+CSSLCFG=\"sslversion\",1,3"), L("AT+CSSLCFG=\"authmode\",1,2"),
		L("AT+CSSLCFG=\"negotiatetime\",1,60"), L("AT+CSSLCFG=\"cacert\",1,\"c1.pem\""),
		L("AT+CSSLCFG=\"enableSNI\",1,1"), L("AT+CSSLCFG=\"ciphersuites\",1,0xFFFF"),
		E(OK OK OK OK OK OK), L("AT+CSSLCFG=1"),
		E("\r\n+CSSLCFG: 1,3,2,1,60,\"c1.pem\",\"\",\"\",1,\"\",0xFFFF\r\n" OK) } },
	{ "a reset loses the contexts and keeps the files", NULL, NULL,
	    { L("ATE0"), L("AT+CCERTDOWN=\"a.pem\",1"), B("x"), L("AT+CSSLCFG=\"authmode\",1,2"),
		L("AT+CRESET"), W(6000), L("ATE0"), { EXPECT, NULL, NULL, 0 },
		L("AT+CSSLCFG=1;+CCERTLIST"),
		E("\r\n+CSSLCFG: 1,4,0,1,300,\"\",\"\",\"\",0,\"\",0xFFFF\r\n"
		  "+CCERTLIST: \"a.pem\"\r\n" OK) } },
	{ "negotiatetime out of range", NULL, "parameter",
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CSSLCFG=\"negotiatetime\",0,301"),
		E(ERR) } },
	{ "missing file refused early", early_file, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CSSLCFG=\"cacert\",0,\"none.pem\""),
		E(ERR) } },
	{ "missing file at connect is 33; a failed connect clears the binding", NULL, NULL,
	    { STARTED, L("AT+CMQTTACCQ=0,\"gw\",1,4"), L("AT+CSSLCFG=\"sslversion\",5,3"),
		L("AT+CSSLCFG=\"authmode\",5,1"), L("AT+CMQTTSSLCFG=0,5"),
		{ EXPECT, NULL, NULL, 0 }, L("AT+CMQTTSSLCFG?"),
		E("\r\n+CMQTTSSLCFG: 0,5\r\n+CMQTTSSLCFG: 1\r\n" OK),
		L("AT+CMQTTCONNECT=0,\"tcp://b.example:8883\",60,1"),
		E(OK "\r\n+CMQTTCONNECT: 0,33\r\n"), L("AT+CMQTTSSLCFG?"),
		E("\r\n+CMQTTSSLCFG: 0\r\n+CMQTTSSLCFG: 1\r\n" OK) } },
	{ "contents reach the uplink", NULL, NULL,
	    { STARTED, L("AT+CCERTDOWN=\"ca.pem\",3"), B("abc"), L("AT+CMQTTACCQ=0,\"gw\",1,4"),
		L("AT+CSSLCFG=\"sslversion\",0,3"), L("AT+CSSLCFG=\"authmode\",0,1"),
		L("AT+CSSLCFG=\"cacert\",0,\"ca.pem\""), { EXPECT, NULL, NULL, 0 },
		L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"),
		O("connect b.example:1883 gw v4 k60 c1 tls3/1 t1 s0 ca=3 cert=0 key=0;") } },
	{ "TLS with the modem's defaults", NULL, "tls-defaults",
	    { STARTED, L("AT+CMQTTACCQ=0,\"gw\",1,4"), { RESTART, NULL, NULL, 0 },
		{ EXPECT, NULL, NULL, 0 }, L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"), E(OK),
		O("connect b.example:1883 gw v4 k60 c1 tls4/0 t1 s0 ca=0 cert=0 key=0;") } },
};

static const struct row service_rows[] = {
	{ "START: result, then OK", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CMQTTSTART"), W(400),
		E("\r\n+CMQTTSTART: 0\r\n" OK), L("AT+CMQTTSTART"),
		E("\r\n+CMQTTSTART: 23\r\n" ERR), L("AT+CMQTTSTOP"), W(400),
		E("\r\n+CMQTTSTOP: 0\r\n" OK) } },
	{ "START: OK, then result", ok_first, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CMQTTSTART"), E(OK), W(400),
		E("\r\n+CMQTTSTART: 0\r\n") } },
	{ "START: OK only", ok_only, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CMQTTSTART"), E(OK), W(400), E(""),
		L("AT+CMQTTACCQ=0,\"a\",0,4"), E(OK) } },
	{ "START without network", no_network, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CMQTTSTART"), W(400),
		E("\r\n+CMQTTSTART: 7\r\n" ERR) } },
	{ "START without network, mirrored", error_result, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CMQTTSTART"), W(400),
		E(ERR "\r\n+CMQTTSTART: 7\r\n") } },
	{ "a command between OK and the result of START", ok_first, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CMQTTSTART"), E(OK),
		L("AT+CMQTTACCQ=0,\"a\",0,4"), E(ERR) } },
	{ "before START everything is a bare ERROR", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CMQTTACCQ?"), E(ERR), L("AT+CMQTTREL=0"),
		E(ERR), L("AT+CMQTTSTOP"), E(ERR) } },
	{ "before START, other firmware", says_9, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CMQTTREL=1"),
		E("\r\n+CMQTTREL: 1,9\r\n" ERR), L("AT+CMQTTSTOP"),
		E("\r\n+CMQTTSTOP: 9\r\n" ERR) } },
	{ "ACCQ, REL, STOP", NULL, NULL,
	    { STARTED, L("AT+CMQTTREL=0"), E(OK), L("AT+CMQTTACCQ=0,\"gw-1\",1,4"), E(OK),
		L("AT+CMQTTACCQ=0,\"gw-1\",1,4"), E("\r\n+CMQTTACCQ: 0,19\r\n" ERR),
		L("AT+CMQTTACCQ?"),
		E("\r\n+CMQTTACCQ: 0,\"gw-1\",1,4\r\n+CMQTTACCQ: 1,\"\",0,3\r\n" OK),
		L("AT+CMQTTSTOP"), E("\r\n+CMQTTSTOP: 21\r\n" ERR), L("AT+CMQTTREL=0"), E(OK),
		L("AT+CMQTTSTOP"), W(200), E("\r\n+CMQTTSTOP: 0\r\n" OK) } },
	{ "REL of a free client, other firmware", says_20, NULL,
	    { STARTED, L("AT+CMQTTREL=1"), E("\r\n+CMQTTREL: 1,20\r\n" ERR) } },
	{ "client index 2", NULL, "parameter",
	    { STARTED, L("AT+CMQTTACCQ=2,\"gw\",0,4"), E("\r\n+CMQTTACCQ: 2,10\r\n" ERR) } },
	{ "test forms", NULL, NULL,
	    { STARTED, L("AT+CMQTTACCQ=?"), E("\r\n+CMQTTACCQ: (0-1),(1-128),(0-1),(3-4)\r\n" OK),
		L("AT+CMQTTPUB=?"), E("\r\n+CMQTTPUB: (0-1),(0-2),(60-180),(0-1),(0-1)\r\n" OK),
		L("AT+CMQTTREL?"), E(OK) } },
	{ "CFG between ACCQ and CONNECT; REL clears it", NULL, NULL,
	    { ACQUIRED, L("AT+CMQTTCFG=\"checkUTF8\",0,0"), L("AT+CMQTTCFG=\"optimeout\",0,20"),
		L("AT+CMQTTCFG?"), E(OK OK "\r\n+CMQTTCFG: 0,0,20\r\n+CMQTTCFG: 1,0,0\r\n" OK),
		L("AT+CMQTTREL=0"), L("AT+CMQTTACCQ=0,\"gw\",0,4"), L("AT+CMQTTCFG?"),
		E(OK OK "\r\n+CMQTTCFG: 0,1,120\r\n+CMQTTCFG: 1,0,0\r\n" OK) } },
	{ "CFG refused ends with OK all the same", NULL, "parameter",
	    { ACQUIRED, L("AT+CMQTTCFG=\"optimeout\",0,19"), E("\r\n+CMQTTCFG: 0,12\r\n" OK) } },
};

static const struct row client_rows[] = {
	{ "connect with will and credentials", NULL, NULL,
	    { ACQUIRED, L("AT+CMQTTWILLTOPIC=0,3"), B("w/t"), L("AT+CMQTTWILLMSG=0,4,1"), B("gone"),
		L("AT+CMQTTCONNECT=0,\"tcp://b.example:1884\",600,0,\"me\",\"secret\""), D(0),
		E("\r\n>" OK "\r\n>" OK OK "\r\n+CMQTTCONNECT: 0,0\r\n"),
		O("connect b.example:1884 gw v4 k600 c0 u=me p=secret will=w/t:gone:1;"),
		L("AT+CMQTTCONNECT?"),
		E("\r\n+CMQTTCONNECT: 0,\"tcp://b.example:1884\",600,0,\"me\",\"secret\"\r\n"
		  "+CMQTTCONNECT: 1\r\n" OK),
		L("AT+CMQTTDISC?"), E("\r\n+CMQTTDISC: 0,0\r\n+CMQTTDISC: 1,1\r\n" OK),
		L("AT+CMQTTCONNECT=0,\"tcp://b.example:1884\",60,1"),
		E("\r\n+CMQTTCONNECT: 0,13\r\n" ERR) } },
	{ "the will does not outlive a failed connect", NULL, NULL,
	    { ACQUIRED, L("AT+CMQTTWILLTOPIC=0,1"), B("w"), L("AT+CMQTTWILLMSG=0,1,0"), B("m"),
		L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"), D(27),
		E("\r\n>" OK "\r\n>" OK OK "\r\n+CMQTTCONNECT: 0,27\r\n"),
		O("connect b.example:1883 gw v4 k60 c1 will=w:m:0;"),
		L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"), D(0),
		O("connect b.example:1883 gw v4 k60 c1;") } },
	{ "connect fails: result, then ERROR, no OK", connect_result_error, NULL,
	    { ACQUIRED, L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"), D(3),
		E("\r\n+CMQTTCONNECT: 0,3\r\n" ERR),
		L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"), D(0),
		E(OK "\r\n+CMQTTCONNECT: 0,0\r\n") } },
	{ "the same, but it takes long: OK is not held for ever", connect_result_error, NULL,
	    { ACQUIRED, L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"), W(2000), E(OK), D(32),
		E("\r\n+CMQTTCONNECT: 0,32\r\n") } },
	{ "connect fails: bare ERROR", connect_bare, NULL,
	    { ACQUIRED, L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"), D(3), E(ERR) } },
	{ "connect times out", NULL, NULL,
	    { ACQUIRED, L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"), W(119000), E(OK), W(2000),
		E("\r\n+CMQTTCONNECT: 0,3\r\n"),
		O("connect b.example:1883 gw v4 k60 c1;abort 0;") } },
	{ "closed during connect", NULL, NULL,
	    { ACQUIRED, L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"), LOSE(1),
		E(OK "\r\n+CMQTTCONNECT: 0,26\r\n") } },
	{ "an address that is not tcp://", NULL, "parameter",
	    { ACQUIRED, L("AT+CMQTTCONNECT=0,\"ssl://b.example:8883\",60,1"),
		E("\r\n+CMQTTCONNECT: 0,12\r\n" ERR) } },
	{ "publish", NULL, NULL,
	    { CONNECTED, L("AT+CMQTTTOPIC=0,3"), E("\r\n>"), B("a/b"), E(OK),
		L("AT+CMQTTPAYLOAD=0,5"), B("AT\r\nX"), E("\r\n>" OK), L("AT+CMQTTPUB=0,1,60,1"),
		E(OK), O("pub a/b=AT\r\nX q1 r1 d0;"), D(0), E("\r\n+CMQTTPUB: 0,0\r\n") } },
	{ "publish without payload is an empty message", NULL, NULL,
	    { CONNECTED, L("AT+CMQTTTOPIC=0,1"), B("t"), L("AT+CMQTTPUB=0,0,60"), D(0),
		E("\r\n>" OK OK "\r\n+CMQTTPUB: 0,0\r\n"), O("pub t= q0 r0 d0;") } },
	{ "topic and payload are emptied by PUB", NULL, "parameter",
	    { CONNECTED, L("AT+CMQTTTOPIC=0,1"), B("t"), L("AT+CMQTTPUB=0,0,60"), D(0),
		{ EXPECT, NULL, NULL, 0 }, L("AT+CMQTTPUB=0,0,60"),
		E("\r\n+CMQTTPUB: 0,18\r\n" ERR) } },
	{ "the next message does not inherit the payload", NULL, NULL,
	    { CONNECTED, L("AT+CMQTTTOPIC=0,1"), B("t"), L("AT+CMQTTPAYLOAD=0,1"), B("p"),
		L("AT+CMQTTPUB=0,0,60"), D(0), O("pub t=p q0 r0 d0;"), L("AT+CMQTTTOPIC=0,1"),
		B("u"), L("AT+CMQTTPUB=0,0,60"), O("pub u= q0 r0 d0;") } },
	{ "pub_timeout below 60", NULL, "parameter",
	    { CONNECTED, L("AT+CMQTTTOPIC=0,1"), B("t"), { EXPECT, NULL, NULL, 0 },
		L("AT+CMQTTPUB=0,0,59"), E("\r\n+CMQTTPUB: 0,12\r\n" ERR) } },
	{ "publish times out", NULL, NULL,
	    { CONNECTED, L("AT+CMQTTTOPIC=0,1"), B("t"), L("AT+CMQTTPUB=0,1,60"),
		{ EXPECT, NULL, NULL, 0 }, W(59900), E(""), W(200), E("\r\n+CMQTTPUB: 0,17\r\n"),
		D(0), E("") } },
	{ "payload of 10240 fits", NULL, NULL,
	    { CONNECTED, L("AT+CMQTTPAYLOAD=0,10240"), X(10239), E("\r\n>"), X(1), E(OK) } },
	{ "payload of 10241 does not", NULL, "parameter",
	    { CONNECTED, L("AT+CMQTTPAYLOAD=0,10241"), E("\r\n+CMQTTPAYLOAD: 0,22\r\n" ERR) } },
	{ "not UTF-8", NULL, NULL,
	    { CONNECTED, L("AT+CMQTTTOPIC=0,2"), B("\xc3("), E("\r\n>\r\n+CMQTTTOPIC: 0,2\r\n" ERR),
		L("AT+CMQTTPAYLOAD=0,1"), B("\xff"), E("\r\n>\r\n+CMQTTPAYLOAD: 0,2\r\n" ERR) } },
	{ "staging needs a connection", NULL, NULL,
	    { ACQUIRED, L("AT+CMQTTTOPIC=0,1"), E("\r\n+CMQTTTOPIC: 0,11\r\n" ERR) } },
	{ "busy while a publish is pending", NULL, "busy-client",
	    { CONNECTED, L("AT+CMQTTTOPIC=0,1"), B("t"), L("AT+CMQTTPUB=0,1,60"),
		{ EXPECT, NULL, NULL, 0 }, L("AT+CMQTTTOPIC=0,1"),
		E("\r\n+CMQTTTOPIC: 0,14\r\n" ERR), D(0), E("\r\n+CMQTTPUB: 0,0\r\n") } },
	{ "bytes beyond the length are the next command", NULL, "beyond-length",
	    { CONNECTED, L("AT+CMQTTTOPIC=0,1"), B("tAT\r"), E("\r\n>" OK OK) } },
	{ "DISC without connection", NULL, "order",
	    { CONNECTED, L("AT+CMQTTDISC=0,60"), D(0), E("\r\n+CMQTTDISC: 0,0\r\n" OK),
		O("disconnect;"), L("AT+CMQTTDISC=0,60"), E("\r\n+CMQTTDISC: 0,11\r\n" ERR) } },
};

static const struct row sub_rows[] = {
	{ "a cached list", NULL, NULL,
	    { CONNECTED, L("AT+CMQTTSUBTOPIC=0,3,1"), B("a/#"), L("AT+CMQTTSUBTOPIC=0,1,2"), B("b"),
		L("AT+CMQTTSUB=0"), E("\r\n>" OK "\r\n>" OK OK), O("sub a/#/1 b/2;"), D(0),
		E("\r\n+CMQTTSUB: 0,0\r\n"), L("AT+CMQTTUNSUBTOPIC=0,3"), B("a/#"),
		L("AT+CMQTTUNSUB=0,0"), O("unsub a/#/0;"), D(0),
		E("\r\n>" OK OK "\r\n+CMQTTUNSUB: 0,0\r\n") } },
	{ "the list is emptied by SUB", NULL, "parameter",
	    { CONNECTED, L("AT+CMQTTSUBTOPIC=0,1,1"), B("a"), L("AT+CMQTTSUB=0"), D(0),
		{ EXPECT, NULL, NULL, 0 }, L("AT+CMQTTSUB=0"), E("\r\n+CMQTTSUB: 0,18\r\n" ERR) } },
	{ "one topic in the command", NULL, NULL,
	    { CONNECTED, L("AT+CMQTTSUB=0,4,1"), B("HAII"), O("sub HAII/1;"), D(0),
		E("\r\n>" OK "\r\n+CMQTTSUB: 0,0\r\n"), L("AT+CMQTTUNSUB=0,4,0"), B("HAII"),
		O("unsub HAII/0;"), D(0), E("\r\n>" OK "\r\n+CMQTTUNSUB: 0,0\r\n") } },
	{ "dup 1 makes the broker hang up; then a stray OK", stray_ok, "parameter",
	    { CONNECTED, L("AT+CMQTTSUB=0,4,1,1"), B("HAII"),
		E("\r\n>" OK "\r\n+CMQTTSUB: 0,6\r\n\r\n+CMQTTCONNLOST: 0,1\r\n" OK),
		O("abort 0;") } },
	{ "a quoted topic", NULL, "parameter",
	    { CONNECTED, L("AT+CMQTTSUB=0,\"a\",1"), E("\r\n+CMQTTSUB: 0,12\r\n" ERR) } },
	{ "5120 bytes of topics at most", NULL, "parameter",
	    { CONNECTED, L("AT+CMQTTSUBTOPIC=0,1024,1"), X(1024), L("AT+CMQTTSUBTOPIC=0,1024,1"),
		X(1024), L("AT+CMQTTSUBTOPIC=0,1024,1"), X(1024), L("AT+CMQTTSUBTOPIC=0,1024,1"),
		X(1024), L("AT+CMQTTSUBTOPIC=0,1024,1"), X(1024), { EXPECT, NULL, NULL, 0 },
		L("AT+CMQTTSUBTOPIC=0,1,1"), E("\r\n+CMQTTSUBTOPIC: 0,22\r\n" ERR) } },
};

static const struct row rx_rows[] = {
	{ "a message", NULL, NULL,
	    { CONNECTED, M("a/b", "\r\nOK\r\n"),
		E("\r\n+CMQTTRXSTART: 0,3,6\r\n\r\n+CMQTTRXTOPIC: 0,3\r\na/b\r\n"
		  "\r\n+CMQTTRXPAYLOAD: 0,6\r\n\r\nOK\r\n\r\n\r\n+CMQTTRXEND: 0\r\n") } },
	{ "an empty message has no payload line", NULL, NULL,
	    { CONNECTED, M("t", ""),
		E("\r\n+CMQTTRXSTART: 0,1,0\r\n\r\n+CMQTTRXTOPIC: 0,1\r\nt\r\n\r\n+CMQTTRXEND: "
		  "0\r\n") } },
	{ "in pieces", chunk_4, NULL,
	    { CONNECTED, M("abc", "123456"),
		E("\r\n+CMQTTRXSTART: 0,3,6\r\n\r\n+CMQTTRXTOPIC: 0,2\r\nab\r\n\r\n+CMQTTRXTOPIC: "
		  "0,1\r\nc\r\n"
		  "\r\n+CMQTTRXPAYLOAD: 0,4\r\n1234\r\n\r\n+CMQTTRXPAYLOAD: 0,2\r\n56\r\n"
		  "\r\n+CMQTTRXEND: 0\r\n") } },
	{ "a message between prompt and data", NULL, NULL,
	    { CONNECTED, L("AT+CMQTTTOPIC=0,1"), M("t", ""), B("t"),
		E("\r\n>\r\n+CMQTTRXSTART: 0,1,0\r\n\r\n+CMQTTRXTOPIC: "
		  "0,1\r\nt\r\n\r\n+CMQTTRXEND: 0\r\n" OK) } },
};

static const struct row loss_rows[] = {
	{ "connection lost while idle; the client stays acquired", NULL, NULL,
	    { CONNECTED, LOSE(2), E("\r\n+CMQTTCONNLOST: 0,2\r\n"), L("AT+CMQTTTOPIC=0,1"),
		E("\r\n+CMQTTTOPIC: 0,11\r\n" ERR), L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"),
		D(0), E(OK "\r\n+CMQTTCONNECT: 0,0\r\n") } },
	{ "a publish kills the connection", NULL, NULL,
	    { CONNECTED, L("AT+CMQTTTOPIC=0,1"), B("t"), L("AT+CMQTTPUB=0,1,60"),
		{ EXPECT, NULL, NULL, 0 }, LOSE(1),
		E("\r\n+CMQTTPUB: 0,6\r\n\r\n+CMQTTCONNLOST: 0,1\r\n") } },
	{ "the same with ERROR in between", stray_error, NULL,
	    { CONNECTED, L("AT+CMQTTTOPIC=0,1"), B("t"), L("AT+CMQTTPUB=0,1,60"),
		{ EXPECT, NULL, NULL, 0 }, LOSE(1),
		E("\r\n+CMQTTPUB: 0,6\r\n" ERR "\r\n+CMQTTCONNLOST: 0,1\r\n") } },
	{ "keep-alive failed: dead until DISC and CONNECT", NULL, NULL,
	    { CONNECTED, LOSE(0), E("\r\n+CMQTTPING: 0,17\r\n"), O(""), L("AT+CMQTTDISC?"),
		E("\r\n+CMQTTDISC: 0,0\r\n+CMQTTDISC: 1,1\r\n" OK), L("AT+CMQTTDISC=0,0"),
		E("\r\n+CMQTTDISC: 0,0\r\n" OK), O("") } },
	{ "DISC: OK first", ok_first, NULL,
	    { STARTED, L("AT+CMQTTACCQ=0,\"gw\",0,4"),
		L("AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1"), D(0), { EXPECT, NULL, NULL, 0 },
		L("AT+CMQTTDISC=0,120"), E(OK), D(0), E("\r\n+CMQTTDISC: 0,0\r\n") } },
};

static const struct row fault_rows[] = {
	{ "no answer, once", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, F("AT+CSQ no-answer"), L("AT+CSQ"), W(4000),
		E(""), L("AT+CSQ"), E("\r\n+CSQ: 22,99\r\n" OK) } },
	{ "not waiting for an answer that was lost", NULL, "early-command",
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, F("* no-answer"), L("AT"), L("AT"), E(OK) } },
	{ "late", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, F("+CSQ#2 late 5000"), L("AT+CSQ"),
		E("\r\n+CSQ: 22,99\r\n" OK), L("AT+CSQ"), W(4000), E(""), W(2000),
		E("\r\n+CSQ: 22,99\r\n" OK) } },
	{ "final line lost, dropped line, doubled line", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, F("+CSQ final-lost"), F("+CGMM drop-line 1"),
		F("+CGMI dup-line 2"), L("AT+CSQ"), W(4000), E("\r\n+CSQ: 22,99\r\n"), L("AT+CGMM"),
		E(OK), L("AT+CGMI"), E("\r\nSIMCOM INCORPORATED\r\n" OK OK) } },
	{ "errors in every form", NULL, NULL,
	    { CONNECTED, F("+CMQTTTOPIC busy"), F("+CMQTTTOPIC err 22"), F("+CMQTTTOPIC error"),
		F("+CMQTTTOPIC cme 14"), L("AT+CMQTTTOPIC=0,1"), E("\r\n+CMQTTTOPIC: 0,14\r\n" ERR),
		L("AT+CMQTTTOPIC=0,1"), E("\r\n+CMQTTTOPIC: 0,22\r\n" ERR), L("AT+CMQTTTOPIC=0,1"),
		E(ERR), L("AT+CMQTTTOPIC=0,1"), E("\r\n+CME ERROR: SIM busy\r\n") } },
	{ "result lost though it worked", NULL, NULL,
	    { CONNECTED, F("+CMQTTPUB result-lost"), L("AT+CMQTTTOPIC=0,1"), B("t"),
		L("AT+CMQTTPUB=0,1,60"), O("pub t= q1 r0 d0;"), D(0), E("\r\n>" OK OK) } },
	{ "a result that is wrong, and one after ERROR", NULL, NULL,
	    { CONNECTED, F("+CMQTTPUB result-err 6"), F("+CMQTTPUB error-result 17"),
		L("AT+CMQTTPUB=0,1,60"), W(500), E(OK "\r\n+CMQTTPUB: 0,6\r\n"),
		L("AT+CMQTTPUB=0,1,60"), W(500), E(ERR "\r\n+CMQTTPUB: 0,17\r\n") } },
	{ "lost prompt: the data is taken all the same", NULL, NULL,
	    { CONNECTED, F("+CMQTTTOPIC prompt-lost"), L("AT+CMQTTTOPIC=0,5"), W(4000), E(""),
		B("AT\r"), E(""), B("AT"), E(OK) } },
	{ "lost byte of data: the modem waits", NULL, NULL,
	    { CONNECTED, F("+CMQTTTOPIC lose-body-byte 2"), L("AT+CMQTTTOPIC=0,3"), B("abc"),
		W(4000), E("\r\n>"), B("\r"), E(OK), L("AT+CMQTTPUB=0,0,60"),
		O("pub ac\r= q0 r0 d0;") } },
	{ "a command swallowed by open data", NULL, "swallowed",
	    { CONNECTED, L("AT+CMQTTTOPIC=0,30"), W(5000), E("\r\n>"), L("AT+CSQ"), E("") } },
	{ "line inside, garbage kept out of this row", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, F("+CSQ urc PB DONE"), L("AT+CSQ"),
		E("\r\nPB DONE\r\n\r\n+CSQ: 22,99\r\n" OK) } },
	{ "reset in the middle of data", NULL, NULL,
	    { CONNECTED, F("+CMQTTPAYLOAD reset-in-body 2"), L("AT+CMQTTPAYLOAD=0,9"), E("\r\n>"),
		B("abc"), O("abort 0;"), W(5000), E("\r\nRDY\r\n") } },
	{ "hangs behind its OK", NULL, NULL,
	    { CONNECTED, F("+CMQTTSUBTOPIC hang-after"), L("AT+CMQTTSUBTOPIC=0,1,0"), B("t"),
		E("\r\n>" OK), L("AT"), W(60000), E("") } },
	{ "hangs until the power is cut", NULL, NULL,
	    { L("ATE0"), { EXPECT, NULL, NULL, 0 }, F("+CSQ hang"), L("AT+CSQ"), W(60000), L("AT"),
		E("") } },
};

#define RUN(rows)                                                           \
	do {                                                                \
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows)[0]; i++) \
			run_row(&(rows)[i], true);                          \
	} while (0)

static void test_line(void **state)
{
	(void)state;
	RUN(line_rows);
}

static void test_net(void **state)
{
	(void)state;
	RUN(net_rows);
}

static void test_ssl(void **state)
{
	(void)state;
	RUN(ssl_rows);
}

static void test_service(void **state)
{
	(void)state;
	RUN(service_rows);
}

static void test_client(void **state)
{
	(void)state;
	RUN(client_rows);
}

static void test_sub(void **state)
{
	(void)state;
	RUN(sub_rows);
}

static void test_rx(void **state)
{
	(void)state;
	RUN(rx_rows);
}

static void test_loss(void **state)
{
	(void)state;
	RUN(loss_rows);
}

static void test_fault(void **state)
{
	(void)state;
	RUN(fault_rows);
}

/* ---- boot and SIM: from cold ---- */

static void with_pin(struct fake_modem_cfg *c)
{
	c->pin = "1234";
}

static void no_sim(struct fake_modem_cfg *c)
{
	c->sim_present = false;
}

static void no_rdy(struct fake_modem_cfg *c)
{
	c->say_rdy = false;
}

static void unset_clock(struct fake_modem_cfg *c)
{
	c->clock_set = false;
	c->utc_at_zero_s = 1773500000; /* 2026-03-14 14:53:20 */
}

static const struct row boot_rows[] = {
	{ "no answer before RDY, SIM busy behind it", NULL, NULL,
	    { L("AT"), W(4900), E(""), W(60), E("\r\nRDY\r\n"), L("AT+CPIN?"),
		E("AT+CPIN?\r\r\n+CME ERROR: SIM busy\r\n"), L("ATE0"), W(800),
		E("ATE0\r" OK "\r\n+CPIN: READY\r\n"), L("AT+CREG?"), E("\r\n+CREG: 0,2\r\n" OK),
		W(4000), E("\r\nSMS DONE\r\n\r\nPB DONE\r\n"), L("AT+CREG?"),
		E("\r\n+CREG: 0,1\r\n" OK) } },
	{ "no RDY", no_rdy, NULL, { W(6000), E("\r\n+CPIN: READY\r\n") } },
	{ "PIN: wrong, right", with_pin, NULL,
	    { W(6000), E("\r\nRDY\r\n\r\n+CPIN: SIM PIN\r\n"), L("ATE0;+CMEE=2"),
		{ EXPECT, NULL, NULL, 0 }, L("AT+CPIN?"), E("\r\n+CPIN: SIM PIN\r\n" OK),
		L("AT+CPIN=\"9999\""), E("\r\n+CME ERROR: incorrect password\r\n"), L("AT+SPIC"),
		E("\r\n+SPIC: 2,10,3,10\r\n" OK), L("AT+CPIN=\"1234\""),
		E(OK "\r\n+CPIN: READY\r\n"), L("AT+CPIN?"), E("\r\n+CPIN: READY\r\n" OK) } },
	{ "PIN: three wrong ones need the PUK; the count survives a reset", with_pin, NULL,
	    { W(6000), L("ATE0"), L("AT+CPIN=\"0000\""), L("AT+CPIN=\"0000\""), L("AT+CRESET"),
		W(7000), L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CPIN=\"0000\""),
		E("\r\n+CME ERROR: incorrect password\r\n"), L("AT+CPIN?"),
		E("\r\n+CPIN: SIM PUK\r\n" OK), L("AT+CPIN=\"1234\""),
		E("\r\n+CME ERROR: operation not allowed\r\n"), L("AT+CPIN=\"12345678\",\"4321\""),
		E(OK "\r\n+CPIN: READY\r\n") } },
	{ "ACCQ before START", NULL, "order",
	    { W(12000), L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CMQTTACCQ=0,\"a\",0,4"),
		E(ERR) } },
	{ "ACCQ before the result of START", ok_first, "result-awaited",
	    { W(12000), L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CMQTTSTART"),
		L("AT+CMQTTACCQ=0,\"a\",0,4"), W(400), E(OK ERR "\r\n+CMQTTSTART: 0\r\n") } },
	{ "staging without ACCQ, STOP without REL", NULL, "order order",
	    { W(12000), STARTED, L("AT+CMQTTTOPIC=1,1"), E("\r\n+CMQTTTOPIC: 1,20\r\n" ERR),
		L("AT+CMQTTACCQ=0,\"a\",0,4"), L("AT+CMQTTSTOP"),
		E(OK "\r\n+CMQTTSTOP: 21\r\n" ERR) } },
	{ "the same by a host that was restarted", NULL, NULL,
	    { W(12000), STARTED, { RESTART, NULL, NULL, 0 }, L("AT+CMQTTDISC=0,60"),
		L("AT+CMQTTREL=0"), L("AT+CMQTTSTOP"), W(200),
		E("\r\n+CMQTTDISC: 0,20\r\n" ERR OK "\r\n+CMQTTSTOP: 0\r\n" OK) } },
	{ "no SIM", no_sim, NULL,
	    { W(6000), L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CPIN?"),
		E("\r\n+CME ERROR: SIM not inserted\r\n"), L("AT+CMEE=0"), L("AT+CPIN?"),
		E(OK ERR) } },
	{ "the clock comes from the network", unset_clock, NULL,
	    { W(5050), L("ATE0"), { EXPECT, NULL, NULL, 0 }, L("AT+CCLK?"),
		E("\r\n+CCLK: \"80/01/06,00:00:05\"\r\n" OK), L("AT+CTZU=1"), W(6000),
		{ EXPECT, NULL, NULL, 0 }, L("AT+CCLK?"),
		E("\r\n+CCLK: \"26/03/14,15:53:32+04\"\r\n" OK) } },
};

static void test_boot(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof boot_rows / sizeof boot_rows[0]; i++)
		run_row(&boot_rows[i], false);
}

/* ---- single cases ---- */

static void test_line_limit(void **state)
{
	struct bench b;
	char line[700];

	(void)state;
	begin(&b, NULL, true);
	send_line(&b, "ATE0");
	b.out_len = 0;
	/* 559 characters behind AT are read, if as nonsense; 560 are not */
	snprintf(line, sizeof line, "AT+CMEE=2;%0*d", 549, 0);
	line[561] = '\0';
	memset(line + 10, ' ', 551);
	send_line(&b, line);
	expect(&b, "559", 0, OK);
	assert_string_equal(b.violations, "");
	memset(line + 10, ' ', 552);
	line[562] = '\0';
	send_line(&b, line);
	expect(&b, "560", 0, ERR);
	assert_string_equal(b.violations, "line-too-long");
	fake_modem_free(b.m);
}

static void connect_client(struct bench *b)
{
	send_line(b, "ATE0");
	send_line(b, "AT+CMQTTSTART");
	pass(b, 400);
	send_line(b, "AT+CMQTTACCQ=0,\"gw\",0,4");
	send_line(b, "AT+CMQTTCONNECT=0,\"tcp://b.example\",60,1");
	fake_modem_up_done(b->m, b->now, 0, b->handle[0], 0);
	pass(b, 10);
	b->out_len = 0;
	b->ops[0] = '\0';
}

static void test_long_payload(void **state)
{
	static uint8_t payload[3001];
	struct bench b;
	const char *at;

	(void)state;
	begin(&b, NULL, true);
	connect_client(&b);
	memset(payload, '>', sizeof payload);
	fake_modem_up_message(b.m, b.now, 0, (const uint8_t *)"t", 1, payload, sizeof payload);
	pass(&b, 10);
	b.out[b.out_len] = '\0';
	at = strstr(b.out, "\r\n+CMQTTRXPAYLOAD: 0,1500\r\n>");
	assert_non_null(at);
	at = strstr(at + 1500, ">\r\n\r\n+CMQTTRXPAYLOAD: 0,1500\r\n>");
	assert_non_null(at);
	assert_non_null(
	    strstr(at + 1500, ">\r\n\r\n+CMQTTRXPAYLOAD: 0,1\r\n>\r\n\r\n+CMQTTRXEND: 0\r\n"));
	fake_modem_free(b.m);
}

static void at_115200(struct fake_modem_cfg *c)
{
	c->baud = 115200;
	c->latency_ms = 0;
}

static void test_pacing(void **state)
{
	struct bench b;
	const uint8_t *p;

	(void)state;
	begin(&b, at_115200, true);
	send_line(&b, "ATE0");
	pass(&b, 100);
	b.out_len = 0;
	/* ATI and CR take 0.35 ms, the answer of 151 bytes 13.1 ms */
	fake_modem_rx(b.m, b.now, (const uint8_t *)"ATI\r", 4);
	assert_int_equal(fake_modem_out(b.m, b.now, &p), 0);
	b.now += 10;
	assert_in_range(fake_modem_out(b.m, b.now, &p), 110, 112);
	b.now += 2;
	assert_in_range(fake_modem_out(b.m, b.now, &p), 133, 135);
	pass(&b, 100);
	assert_true(fake_modem_is_idle(b.m));
	assert_int_equal(fake_modem_deadline(b.m), FAKE_NEVER);
	fake_modem_free(b.m);
}

static void test_power(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, NULL, true);
	send_line(&b, "AT+CCERTDOWN=\"a.pem\",1");
	send(&b, "x", 1);
	connect_client(&b);
	assert_int_equal(fake_modem_client_state(b.m, 0), FAKE_CLIENT_CONNECTED);
	fake_modem_power(b.m, b.now, false);
	assert_string_equal(b.ops, "abort 0;");
	send_line(&b, "AT");
	pass(&b, 60000);
	expect(&b, "off", 0, "");
	fake_modem_power(b.m, b.now, true);
	pass(&b, 5010);
	expect(&b, "on", 0, "\r\nRDY\r\n");
	assert_false(fake_modem_service_up(b.m));
	send_line(&b, "ATE0");
	b.out_len = 0;
	send_line(&b, "AT+CCERTLIST");
	expect(&b, "flash", 0, "\r\n+CCERTLIST: \"a.pem\"\r\n" OK);
	fake_modem_free(b.m);
}

static void test_fault_parse(void **state)
{
	static const struct {
		const char *text;
		int rc;
		enum fake_fault_kind kind;
		const char *match;
		unsigned nth, times;
	} rows[] = {
		{ "+cmqttpub#3*2 late 5000", 0, FAKE_FAULT_LATE, "+CMQTTPUB", 3, 2 },
		{ "AT+CMQTTPUB=1 result-lost", 0, FAKE_FAULT_RESULT_LOST, "+CMQTTPUB=1", 1, 1 },
		{ "**0 hang", 0, FAKE_FAULT_HANG, "", 1, 0 },
		{ "* urc +CMTI: \"SM\",4", 0, FAKE_FAULT_URC, "", 1, 1 },
		{ "+CSQ", -1, FAKE_FAULT_NONE, "", 0, 0 },
		{ "+CSQ nonsense", -1, FAKE_FAULT_NONE, "", 0, 0 },
		{ "+CSQ late", -1, FAKE_FAULT_NONE, "", 0, 0 },
		{ "+CSQ late x", -1, FAKE_FAULT_NONE, "", 0, 0 },
		{ "+CSQ busy 3", -1, FAKE_FAULT_NONE, "", 0, 0 },
		{ "+CSQ#x busy", -1, FAKE_FAULT_NONE, "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fake_fault f = { .kind = FAKE_FAULT_NONE };
		int rc = fake_fault_parse(rows[i].text, &f);

		assert_int_equal(rc < 0 ? -1 : 0, rows[i].rc);
		assert_int_equal(f.kind, rows[i].kind);
		assert_string_equal(f.match, rows[i].match);
		assert_int_equal(f.nth, rows[i].nth);
		assert_int_equal(f.times, rows[i].times);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_line_limit),
		cmocka_unit_test(test_net),
		cmocka_unit_test(test_ssl),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_sub),
		cmocka_unit_test(test_rx),
		cmocka_unit_test(test_long_payload),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_boot),
		cmocka_unit_test(test_pacing),
		cmocka_unit_test(test_power),
		cmocka_unit_test(test_fault_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

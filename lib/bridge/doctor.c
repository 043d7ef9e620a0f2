/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/doctor.h"

#include "base/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_MS     60000 /* a state that should pass, and lasts longer, is a failure */
#define WEAK_DBM        (-105)
#define DAY_S           86400
#define EXPIRY_WARN_S   (30 * DAY_S)
#define STORE_FULL_PART 10 /* so much of its room left is worth a warning */

const char *doctor_result_name(enum doctor_result result)
{
	switch (result) {
	case DOCTOR_OK:
		return "ok";
	case DOCTOR_WARN:
		return "warn";
	case DOCTOR_FAIL:
		return "fail";
	}
	return "fail";
}

static struct doctor_check *add(struct doctor_report *r, enum doctor_result result,
    const char *name, const char *advice, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

static struct doctor_check *add(struct doctor_report *r, enum doctor_result result,
    const char *name, const char *advice, const char *fmt, ...)
{
	struct doctor_check *check = &r->checks[r->count];
	va_list ap;

	*check = (struct doctor_check){ .name = name, .result = result, .advice = advice };
	va_start(ap, fmt);
	vsnprintf(check->text, sizeof(check->text), fmt, ap);
	va_end(ap);
	if (r->count < DOCTOR_CHECKS_MAX - 1)
		r->count++;
	return check;
}

static uint64_t lasts_ms(const struct doctor_facts *f)
{
	return f->now_ms - f->modem->since_ms;
}

static bool is_overdue(const struct doctor_facts *f, enum modem_state state)
{
	return f->modem->state == state && lasts_ms(f) > PATIENCE_MS;
}

/* ---- the port and what is behind it ---- */

static const char shared_advice[] =
    "end that process; if it is ModemManager: systemctl disable --now ModemManager, or install the "
    "udev rule 60-cmqttd.rules";

static const struct {
	int error;
	const char *text, *advice;
} port_errors[] = {
	{ ENOENT, "there is no such port",
	    "plug the modem in, or name its port in modem.device (ls -l /dev/serial/by-id)" },
	{ ENODEV, "the device behind it is gone", "plug the modem in, and look at dmesg" },
	{ ENXIO, "the device behind it is gone", "plug the modem in, and look at dmesg" },
	{ EBUSY, "another process has it", shared_advice },
	{ ENOTUNIQ, "there is more than one modem",
	    "name the place of one in modem.device: \"usb:1-1.4\" (ls /sys/bus/usb/devices)" },
	{ EACCES, "the daemon may not open it",
	    "give its user the port's group, usually dialout, or install the udev rule"
	    " 60-cmqttd.rules" },
	{ EPERM, "the daemon may not open it",
	    "allow the device in the unit: DeviceAllow= of cmqttd.service" },
	{ ENOTTY, "it is no serial port",
	    "name the modem's AT port in modem.device (ls -l /dev/serial/by-id)" },
};

/* Who else has it, if that is known. */
static void check_port_users(const struct doctor_facts *f, struct doctor_report *r)
{
	const char *others = f->troubles[CORE_TROUBLE_PORT];

	if (others)
		add(r, f->port_error ? DOCTOR_FAIL : DOCTOR_WARN, "port user", shared_advice,
		    "%s has the port%s", others, f->port_error ? "" : ", too");
}

static bool check_port(const struct doctor_facts *f, struct doctor_report *r)
{
	const char *device = f->cfg->modem.device;

	check_port_users(f, r);
	for (size_t i = 0; i < sizeof(port_errors) / sizeof(port_errors[0]); i++) {
		if (f->port_error != port_errors[i].error)
			continue;
		add(r, DOCTOR_FAIL, "port", port_errors[i].advice, "%s: %s", device,
		    port_errors[i].text);
		return false;
	}
	if (f->port_error != 0)
		add(r, DOCTOR_FAIL, "port", "look at dmesg, and plug the modem in anew", "%s: %s",
		    device, strerror(f->port_error));
	else if (f->modem->state == MODEM_ABSENT || f->modem->state == MODEM_OPENING)
		add(r, DOCTOR_WARN, "port", "ask again in some seconds", "%s: being opened",
		    device);
	else
		add(r, DOCTOR_OK, "port", NULL, "%s is open", device);
	return r->checks[r->count - 1].result == DOCTOR_OK;
}

static bool check_modem(const struct doctor_facts *f, struct doctor_report *r)
{
	static const char advice[] = "is it the AT port, and has the modem power? "
				     "\"cmqttctl history modem\" shows what was tried";
	const char *stuck = f->troubles[CORE_TROUBLE_STUCK];

	if (stuck || f->modem->state == MODEM_RECOVERING) {
		add(r, DOCTOR_FAIL, "modem", advice, "%s",
		    stuck ? stuck : "it is in trouble, and being brought back");
		return f->modem->state > MODEM_SYNCING && f->modem->state != MODEM_RECOVERING;
	}
	if (f->modem->state == MODEM_SYNCING) {
		add(r, is_overdue(f, MODEM_SYNCING) ? DOCTOR_FAIL : DOCTOR_WARN, "modem", advice,
		    "no answer yet");
		return false;
	}
	add(r, DOCTOR_OK, "modem", NULL, "%s %s answers",
	    f->modem->model[0] ? f->modem->model : "one without a name", f->modem->revision);
	return true;
}

static bool check_sim(const struct doctor_facts *f, struct doctor_report *r)
{
	const char *missing = f->troubles[CORE_TROUBLE_SIM], *pin = f->troubles[CORE_TROUBLE_PIN];

	if (pin)
		add(r, DOCTOR_FAIL, "pin",
		    "set the right modem.pin (or pin_file) and restart; a SIM that asks for its"
		    " PUK is unlocked in a phone",
		    "%s", pin);
	else if (missing)
		add(r, DOCTOR_FAIL, "sim",
		    "put a SIM in, or press it in once more, and check the slot", "no SIM: %s",
		    missing);
	else if (f->modem->state == MODEM_SIM)
		add(r, is_overdue(f, MODEM_SIM) ? DOCTOR_FAIL : DOCTOR_WARN, "sim",
		    "ask again in some seconds; if it stays so, press the SIM in once more",
		    "it is not ready yet");
	else
		add(r, DOCTOR_OK, "sim", NULL, "ready");
	return f->modem->state != MODEM_SIM && !missing && !pin;
}

static void check_signal(const struct doctor_facts *f, struct doctor_report *r)
{
	static const char advice[] = "check the antenna and its plug, or move it";

	if (f->modem->rssi_dbm == 0)
		add(r, is_overdue(f, MODEM_REGISTERING) ? DOCTOR_FAIL : DOCTOR_WARN, "signal",
		    advice, "%s",
		    is_overdue(f, MODEM_REGISTERING) ? "none" : "the modem has not told it yet");
	else if (f->modem->rssi_dbm <= WEAK_DBM)
		add(r, DOCTOR_WARN, "signal", advice, "weak: %d dBm", f->modem->rssi_dbm);
	else
		add(r, DOCTOR_OK, "signal", NULL, "%d dBm", f->modem->rssi_dbm);
}

static bool check_network(const struct doctor_facts *f, struct doctor_report *r)
{
	static const char advice[] =
	    "check antenna and coverage; \"cmqttctl at AT+COPS=?\" lists what can be heard, in "
	    "minutes";
	const char *trouble = f->troubles[CORE_TROUBLE_NETWORK];

	if (trouble)
		add(r, DOCTOR_FAIL, "network",
		    "is the SIM activated and paid for, and roaming, modem.operator and"
		    " modem.technology as they should be?",
		    "%s", trouble);
	else if (f->modem->state == MODEM_REGISTERING)
		add(r, is_overdue(f, MODEM_REGISTERING) ? DOCTOR_FAIL : DOCTOR_WARN, "network",
		    advice, "not registered for %" PRIu64 " s", lasts_ms(f) / 1000);
	else if (!f->modem->is_registered)
		add(r, DOCTOR_WARN, "network", advice,
		    "the modem does not say that it is registered");
	else
		add(r, DOCTOR_OK, "network", NULL, "registered%s: %s%s%s",
		    f->modem->is_roaming ? " abroad" : "",
		    f->modem->operator_name[0] ? f->modem->operator_name : "no name",
		    f->modem->technology[0] ? ", " : "", f->modem->technology);
	return !trouble && f->modem->state != MODEM_REGISTERING;
}

/* Numbers of the modem's error table (AT manual 16.3.1) that speak of the packet service. */
static bool is_of_network(unsigned err)
{
	return err == 7 || err == 9;
}

static void check_apn(const struct doctor_facts *f, struct doctor_report *r)
{
	static const char advice[] =
	    "set modem.apn (apn_user, apn_password, pdp_type) as the SIM's "
	    "provider says";
	const char *apn = f->cfg->modem.apn;

	for (size_t i = 0; i < f->cfg->broker_count; i++) {
		const struct session_status *s = f->brokers[i].session;

		if (s->state == SESSION_ONLINE || !is_of_network(s->last_error.code))
			continue;
		add(r, DOCTOR_FAIL, "apn", advice, "no data connection with the APN %s: %u %s",
		    apn ? apn : "of the modem", s->last_error.code, s->last_error.text);
		return;
	}
	if (f->modem->state == MODEM_ATTACHED)
		add(r, is_overdue(f, MODEM_ATTACHED) ? DOCTOR_FAIL : DOCTOR_WARN, "apn", advice,
		    "the modem's MQTT service does not run yet, with the APN %s",
		    apn ? apn : "of the modem");
	else
		add(r, DOCTOR_OK, "apn", NULL, "%s", apn ? apn : "left to the modem");
}

/* ---- clock and certificates ---- */

static bool has_tls(const struct core_config *cfg)
{
	for (size_t i = 0; i < cfg->broker_count; i++) {
		if (cfg->brokers[i].link.is_tls)
			return true;
	}
	return false;
}

static void check_clock(const struct doctor_facts *f, struct doctor_report *r)
{
	const char *trouble = f->troubles[CORE_TROUBLE_CLOCK];

	if (!has_tls(f->cfg))
		return;
	if (trouble)
		add(r, DOCTOR_WARN, "clock",
		    "let the host have the right time (NTP): the daemon sets the modem's from it",
		    "the modem: %s", trouble);
	else if (f->wall_ms < WALL_PLAUSIBLE_S * 1000)
		add(r, DOCTOR_WARN, "clock", "let the host have the right time (NTP)",
		    "the host's clock was never set");
	else
		add(r, DOCTOR_OK, "clock", NULL, "right");
}

static void check_certificate(
    const struct doctor_facts *f, const struct broker_config *link, struct doctor_report *r)
{
	static const char advice[] =
	    "put new files in their place, then reload; if they are credentials, restart";
	int64_t left_s = link->tls.ends_s - f->wall_ms / 1000;
	struct doctor_check *check;

	if (!link->is_tls || link->tls.ends_s == 0 || f->wall_ms < WALL_PLAUSIBLE_S * 1000)
		return;
	if (left_s <= 0)
		check = add(r, DOCTOR_FAIL, "certificate", advice, "one of its files has expired");
	else if (left_s <= EXPIRY_WARN_S)
		check = add(r, DOCTOR_WARN, "certificate", advice,
		    "one of its files expires in %" PRId64 " days", left_s / DAY_S);
	else
		check = add(
		    r, DOCTOR_OK, "certificate", NULL, "good for %" PRId64 " days", left_s / DAY_S);
	check->broker = link->name;
}

/* ---- brokers ---- */

#define REACH                                                                              \
	"is the broker up, its address right, and does the SIM's network let it through? " \
	"Try it from elsewhere: mosquitto_sub -h HOST -p PORT"
#define TLS "do ca, cert, key and the name in address belong to this broker? Is tls.sni needed?"

/* Numbers of the modem's error table (AT manual 16.3.1). */
static const struct {
	unsigned err;
	const char *check, *advice;
} broker_errors[] = {
	{ 3, "reach", REACH },
	{ 15, "reach", REACH },
	{ 17, "reach", REACH },
	{ 25, "reach", "is the host name in address right, and does it have an A record?" },
	{ 26, "reach",
	    "the broker closes the connection: is it the right port (8883 for mqtts://), and is the"
	    " client_id used by somebody else?" },
	{ 27, "credentials", "the broker does not take MQTT 3.1.1: look at its listener" },
	{ 28, "credentials", "set another client_id: the broker refuses this one" },
	{ 29, "reach", "the broker says that it is not available: look at its log" },
	{ 30, "credentials", "set the right username and password (password_file), then restart" },
	{ 31, "credentials",
	    "set the right username and password (password_file), then restart, and look at the"
	    " broker's access rules" },
	{ 32, "handshake", TLS },
	{ 33, "handshake", TLS },
	{ 34, "handshake", TLS },
};

static void check_error(const struct session_status *s, struct doctor_report *r, const char *name)
{
	const struct session_error *e = &s->last_error;
	const char *check = "broker",
		   *advice = "\"cmqttctl monitor --at\" shows what the modem says";

	for (size_t i = 0; i < sizeof(broker_errors) / sizeof(broker_errors[0]); i++) {
		if (e->code == broker_errors[i].err) {
			check = broker_errors[i].check;
			advice = broker_errors[i].advice;
		}
	}
	if (is_of_network(e->code))
		advice = "see apn";
	if (strcmp(e->command, "AT+CCERTDOWN") == 0)
		advice = "is the modem's flash full? \"cmqttctl at AT+CCERTLIST\" lists its files";
	if (e->code > 0)
		add(r, DOCTOR_FAIL, check, advice, "error %u: %s", e->code, e->text)->broker = name;
	else
		add(r, DOCTOR_FAIL, check, advice, "%s", e->text)->broker = name;
}

static bool has_error(const struct session_status *s)
{
	return s->last_error.code != 0 || s->last_error.text[0] != '\0';
}

static void check_broker(const struct doctor_facts *f, unsigned client, struct doctor_report *r)
{
	const struct session_status *s = f->brokers[client].session;
	const char *name = f->cfg->brokers[client].link.name;
	uint64_t dead = f->brokers[client].queue.dead_letters;
	struct doctor_check *check = NULL;

	switch (s->state) {
	case SESSION_ONLINE:
		check = add(r, DOCTOR_OK, "broker", NULL, "online");
		break;
	case SESSION_DISABLED:
		check = add(r, DOCTOR_WARN, "broker", "\"cmqttctl connect\" connects it",
		    "disconnected by hand");
		break;
	case SESSION_WAITING:
		check = add(r, DOCTOR_WARN, "broker", "see the modem", "it waits for the modem");
		break;
	case SESSION_CONNECTING:
	case SESSION_BACKOFF:
	case SESSION_STOPPING:
		if (has_error(s))
			check_error(s, r, name);
		else
			check = add(r, DOCTOR_WARN, "broker", "ask again in some seconds",
			    "it is %s", session_state_name(s->state));
		break;
	}
	if (check)
		check->broker = name;
	if (dead > 0)
		add(r, DOCTOR_WARN, "dead letters",
		    "\"cmqttctl queue\" shows them and the reason; \"queue retry\" tries again",
		    "%" PRIu64 " messages were refused for good", dead)
		    ->broker = name;
}

/* ---- the store ---- */

static void check_store(const struct doctor_facts *f, struct doctor_report *r)
{
	uint64_t room = f->cfg->store.max_bytes, used = f->store.bytes;

	if (f->has_store_failed)
		add(r, DOCTOR_FAIL, "store",
		    "look at the journal for the reason, and at the disk (df, dmesg)",
		    "it cannot be written: publishers are held");
	else if (used >= room)
		add(r, DOCTOR_FAIL, "store",
		    "get the brokers online, raise store.max_bytes, or set overflow = "
		    "\"drop-oldest\"",
		    "full: %" PRIu64 " messages wait", f->store.messages);
	else if (room - used < room / STORE_FULL_PART)
		add(r, DOCTOR_WARN, "store", "get the brokers online, or raise store.max_bytes",
		    "nearly full: %" PRIu64 " of %" PRIu64 " bytes", used, room);
	else
		add(r, DOCTOR_OK, "store", NULL, "%" PRIu64 " messages wait", f->store.messages);
	if (f->is_free_known && f->free_bytes < STORE_FREE_MIN)
		add(r, DOCTOR_FAIL, "disk", "make room on the file system of store.path (df)",
		    "%" PRIu64 " bytes are free: publishers are held", f->free_bytes);
}

static void check_link(const struct doctor_facts *f, struct doctor_report *r)
{
	if (!check_port(f, r) || !check_modem(f, r) || !check_sim(f, r))
		return;
	check_signal(f, r);
	if (check_network(f, r))
		check_apn(f, r);
}

void doctor_examine(const struct doctor_facts *f, struct doctor_report *ret)
{
	ret->count = 0;
	check_link(f, ret);
	check_clock(f, ret);
	for (unsigned i = 0; i < f->cfg->broker_count; i++) {
		check_certificate(f, &f->cfg->brokers[i].link, ret);
		check_broker(f, i, ret);
	}
	check_store(f, ret);
}

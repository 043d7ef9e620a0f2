/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_doctor.h"

#include "bridge/ctl_interface.h"
#include "config.h"
#include "config_report.h"
#include "ctl_client.h"
#include "ctl_commands.h"
#include "ctl_member.h"
#include "port_user.h"
#include "usb.h"
#include "usb_port.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_CONFIG   CMQTTD_SYSCONFDIR "/cmqttd.conf"
#define REPLY_TIMEOUT_MS 10000

#define OK               "ok"
#define WARN             "warn"
#define FAIL             "fail"

struct doctor {
	const struct ctl_env *env;
	json_t *checks;
	char *device; /* the modem's port; NULL: not known */
	bool is_running;
	bool is_port_fine; /* the daemon has it */
	bool is_shared;    /* and told who else has it */
};

static void add(struct doctor *d, const char *result, const char *check, const char *advice,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void add(struct doctor *d, const char *result, const char *check, const char *advice,
    const char *fmt, ...)
{
	json_t *text;
	va_list ap;

	va_start(ap, fmt);
	text = json_vsprintf(fmt, ap);
	va_end(ap);
	json_array_append_new(
	    d->checks, json_pack("{s:s, s:n, s:s, s:o, s:s?}", "check", check, "broker", "result",
			   result, "text", text ? text : json_string("?"), "advice", advice));
}

/* ---- the daemon ---- */

static void take_findings(struct doctor *d, const json_t *reply)
{
	const json_t *found = json_object_get(reply, "checks");
	const char *device = member_text(reply, "device", "");

	if (device[0])
		d->device = strdup(device);
	for (size_t i = 0; i < json_array_size(found); i++) {
		json_t *check = json_array_get(found, i);

		if (strcmp(member_text(check, "check", ""), "port") == 0)
			d->is_port_fine = strcmp(member_text(check, "result", ""), OK) == 0;
		else if (strcmp(member_text(check, "check", ""), "port user") == 0)
			d->is_shared = true;
		json_array_append(d->checks, check);
	}
}

static void take_answer(struct doctor *d, json_t *msg)
{
	struct varlink_answer answer;

	if (varlink_parse_answer(msg, &answer) < 0) {
		add(d, FAIL, "daemon", "name its socket with -S",
		    "what answers at %s is not cmqttd", d->env->socket);
		return;
	}
	d->is_running = true;
	if (answer.error) {
		add(d, WARN, "daemon", "restart it: systemctl restart cmqttd",
		    "it is older than cmqttctl, and cannot examine itself");
		return;
	}
	add(d, OK, "daemon", NULL, "answers at %s", d->env->socket);
	take_findings(d, answer.parameters);
}

static void check_daemon(struct doctor *d)
{
	json_t *msg = NULL;
	int r = ctl_client_ask(d->env->socket, CTL_INTERFACE ".Doctor", REPLY_TIMEOUT_MS, &msg);

	switch (-r) {
	case 0:
		take_answer(d, msg);
		json_decref(msg);
		break;
	case EACCES:
	case EPERM:
		add(d, FAIL, "daemon", "be root, or a member of the group cmqttd",
		    "you may not use %s", d->env->socket);
		break;
	case ETIMEDOUT:
		add(d, FAIL, "daemon", "restart it: systemctl restart cmqttd",
		    "it does not answer at %s", d->env->socket);
		break;
	default:
		add(d, FAIL, "daemon",
		    "systemctl start cmqttd; \"journalctl -u cmqttd -n 20\" says why it ended",
		    "does not run, or not at %s: %s", d->env->socket, strerror(-r));
		break;
	}
}

/* ---- the configuration ---- */

static void add_remark(struct doctor *d, const struct config_remark *remark)
{
	bool is_right = geteuid() != 0 && strstr(remark->text, strerror(EACCES));

	if (is_right)
		add(d, WARN, "configuration", "ask as root", "%s", remark->text);
	else
		add(d, remark->is_warning ? WARN : FAIL, "configuration",
		    remark->is_warning ? "see cmqttd.conf(5)"
				       : "mend it, try \"cmqttd -t\", then reload",
		    "%s", remark->text);
}

static void read_config(struct doctor *d, const char *path)
{
	struct config_report report;
	struct config *config = NULL;

	config_report_init(&report);
	if (config_load(path, &report, &config) == 0 && !d->device)
		d->device = strdup(config->core.modem.device);
	for (size_t i = 0; i < report.count; i++)
		add_remark(d, &report.remarks[i]);
	if (report.count == 0)
		add(d, OK, "configuration", NULL, "%s is right", path);
	config_free(config);
	config_report_fini(&report);
}

static void check_config(struct doctor *d)
{
	const char *given = ctl_usage_get(d->env->usage, "-c");
	const char *path = given ? given : DEFAULT_CONFIG;

	if (access(path, R_OK) == 0)
		read_config(d, path);
	else if (errno == EACCES)
		add(d, WARN, "configuration", "ask as root", "you may not read %s", path);
	else
		add(d, given || !d->is_running ? FAIL : WARN, "configuration",
		    "name the daemon's configuration with -c", "%s: %s", path, strerror(errno));
}

/* ---- the port ---- */

static void check_modemmanager(struct doctor *d)
{
	struct port_user user;

	if (port_user_runs("ModemManager", &user))
		add(d, WARN, "ModemManager",
		    "systemctl disable --now ModemManager, or install the udev rule "
		    "60-cmqttd.rules,"
		    " which keeps it off this port",
		    "runs (pid %d), and may talk on the modem's port", (int)user.pid);
}

/* Root sees what a daemon in its sandbox does not. */
static void check_port_users(struct doctor *d, const char *path)
{
	char others[PORT_USER_TEXT_MAX];

	if (d->is_shared || port_user_list(path, d->is_running ? "cmqttd" : NULL, others) == 0)
		return;
	add(d, d->is_port_fine ? WARN : FAIL, "port user", "end that process", "%s has %s open",
	    others, path);
}

/* Only while no daemon tells. */
static void add_port(struct doctor *d, int error, const char *path)
{
	if (error == ENOENT)
		add(d, FAIL, "port", "plug the modem in, or name its port in modem.device",
		    "%s: there is no such port", d->device);
	else if (error == ENOTUNIQ)
		add(d, FAIL, "port", "name one in modem.device: \"usb:\" and its place, or a path",
		    "%s: there is more than one modem", d->device);
	else if (error == ENOTTY)
		add(d, FAIL, "port", "name the modem's AT port in modem.device",
		    "%s: it is no serial port", path);
	else if (error != 0)
		add(d, FAIL, "port", NULL, "%s: %s", d->device, strerror(error));
	else
		add(d, OK, "port", NULL, "%s is there", path);
}

static int examine_port(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	return S_ISCHR(st.st_mode) ? 0 : ENOTTY;
}

static void check_port(struct doctor *d)
{
	char path[PATH_MAX] = "";
	int error;

	if (!d->device)
		return;
	if (usb_port_is_asked_for(d->device))
		error = -usb_port_find(USB_SYSFS, USB_PORT_DEV, d->device, path, sizeof(path));
	else
		error = snprintf(path, sizeof(path), "%s", d->device) < PATH_MAX ? 0 : ENAMETOOLONG;
	if (error == 0)
		error = examine_port(path);
	if (!d->is_running)
		add_port(d, error, path);
	if (error == 0)
		check_port_users(d, path);
	if (!d->is_port_fine)
		check_modemmanager(d);
}

/* ---- all of it ---- */

static bool has_failed(const json_t *checks)
{
	for (size_t i = 0; i < json_array_size(checks); i++) {
		if (strcmp(member_text(json_array_get(checks, i), "result", ""), FAIL) == 0)
			return true;
	}
	return false;
}

int ctl_doctor_run(const struct ctl_env *env)
{
	struct doctor d = { .env = env, .checks = json_array() };
	json_t *reply;
	int status;

	check_daemon(&d);
	check_config(&d);
	check_port(&d);
	reply = json_pack("{s:O}", "checks", d.checks);
	if (env->is_json) {
		json_dumpf(reply, env->style.out, JSON_COMPACT);
		fputc('\n', env->style.out);
	} else {
		ctl_print_doctor(&env->style, reply);
	}
	status = !reply || has_failed(d.checks) ? 1 : 0;
	json_decref(reply);
	json_decref(d.checks);
	free(d.device);
	return status;
}

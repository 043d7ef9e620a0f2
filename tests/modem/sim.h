/* SPDX-License-Identifier: Apache-2.0 */
/* The program sim7600: what its files share. */
#ifndef TESTS_MODEM_SIM_H
#define TESTS_MODEM_SIM_H

#include "fake_modem.h"
#include "fake_scenario.h"
#include "sim_ctl.h"
#include "sim_play.h"
#include "sim_pty.h"
#include "uplink_mosquitto.h"

#include <stdio.h>

enum {
	SIM_REPORTS = 200, /* kept for `violations` and `notices` */
	SIM_REPORT_TEXT = 160,
	SIM_SCRIPT_LINES = 500,
};

struct sim_report {
	uint64_t at_ms;
	enum fake_severity severity;
	char text[SIM_REPORT_TEXT];
};

struct sim_script_line {
	uint64_t at_ms;
	char *command;
};

struct sim {
	struct fake_modem_cfg cfg;
	struct fake_modem *m;
	struct uplink *uplink;
	struct sim_pty pty;
	struct sim_ctl *ctl;
	FILE *log;
	struct fake_scenario *scenario;
	struct sim_play *play; /* instead of a modem */
	const char *state_dir, *control, *script_file;
	uint64_t start_ns; /* CLOCK_MONOTONIC at now = 0 */
	uint64_t now_ns;   /* `now`, exactly */
	uint64_t now;
	bool strict, quit;

	/* port */
	bool usb;       /* the port exists only while the modem is up */
	bool hidden;    /* taken away by `vanish` */
	unsigned chunk; /* most bytes in one write; 0: all */
	uint64_t write_after, prng;

	uint64_t power_on_at; /* end of a power-cycle; FAKE_NEVER: none */
	bool waits_idle[SIM_CTL_CLIENTS];
	struct sim_script_line script[SIM_SCRIPT_LINES];
	size_t script_n, script_at;
	struct sim_report reports[SIM_REPORTS];
	size_t reports_n;
	const char *faults[32];
	size_t faults_n;
};

/* ---- sim_cmd.c ---- */

/* Executes a control command; malloc'd answer "ok ..." or "error ...", NULL: it comes later. client
 * -1: a script. */
char *sim_command(void *sim, int client, char *line);
/* Answers `wait-idle` and ends a power-cycle when their time has come. */
void sim_command_tick(struct sim *s);
/* Reads --script: lines of `MS COMMAND`. 0 or -errno. */
int sim_script_load(struct sim *s);

/* ---- sim_flash.c ---- */

/* Certificates kept in a directory. 0 or -errno. */
int sim_flash_load(struct sim *s);
void sim_flash_changed(struct sim *s, const char *name, const uint8_t *data, size_t len);

/* ---- sim_options.c ---- */

/* Takes the command line; the uplink is there. false: the program ends, with this status. */
bool sim_options_read(struct sim *s, int argc, char **argv, int *ret_status);

/* ---- sim7600.c ---- */

void sim_log(struct sim *s, char dir, const char *text);

#endif

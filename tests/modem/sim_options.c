/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "sim.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2 };

enum {
	O_LINK = 256,
	O_MAP,
	O_MODEL,
	O_SCENARIO,
	O_PLAY,
	O_MODE,
	O_UART_BAUD,
	O_QUIET,
	O_TIED_TO,
	O_RADIO_OFF,
	O_ROAMING,
	O_BAUD,
	O_LATENCY,
	O_JITTER,
	O_START_ORDER,
	O_DISC_ORDER,
	O_CONNECT_FAIL,
	O_STRAY,
	O_PIN,
	O_PUK,
	O_NO_SIM,
	O_BOOT,
	O_REGISTER,
	O_CLOCK,
	O_SEED,
	O_CHUNK,
	O_FAULT,
	O_SCRIPT,
	O_CONTROL,
	O_STATE_DIR,
	O_LOG,
	O_STRICT,
	O_USB,
	O_WARM,
	O_NO_RDY,
	O_NETOPEN_ERROR,
	O_RX_GAP,
	O_RX_INTERLEAVE,
	O_PROMPT,
	O_NO_DATA_ECHO,
	O_EXISTING_FAILS,
	O_MISSING_EARLY,
};

static const struct option options[] = {
	{ "link", required_argument, NULL, O_LINK },
	{ "map", required_argument, NULL, O_MAP },
	{ "model", required_argument, NULL, O_MODEL },
	{ "scenario", required_argument, NULL, O_SCENARIO },
	{ "play", required_argument, NULL, O_PLAY },
	{ "mode", required_argument, NULL, O_MODE },
	{ "uart-baud", required_argument, NULL, O_UART_BAUD },
	{ "quiet", no_argument, NULL, O_QUIET },
	{ "tied-to", required_argument, NULL, O_TIED_TO },
	{ "radio-off", no_argument, NULL, O_RADIO_OFF },
	{ "roaming", no_argument, NULL, O_ROAMING },
	{ "baud", required_argument, NULL, O_BAUD },
	{ "latency", required_argument, NULL, O_LATENCY },
	{ "jitter", required_argument, NULL, O_JITTER },
	{ "start-order", required_argument, NULL, O_START_ORDER },
	{ "disc-order", required_argument, NULL, O_DISC_ORDER },
	{ "connect-fail", required_argument, NULL, O_CONNECT_FAIL },
	{ "stray", required_argument, NULL, O_STRAY },
	{ "pin", required_argument, NULL, O_PIN },
	{ "puk", required_argument, NULL, O_PUK },
	{ "no-sim", no_argument, NULL, O_NO_SIM },
	{ "boot-ms", required_argument, NULL, O_BOOT },
	{ "register-ms", required_argument, NULL, O_REGISTER },
	{ "clock", required_argument, NULL, O_CLOCK },
	{ "seed", required_argument, NULL, O_SEED },
	{ "chunk", required_argument, NULL, O_CHUNK },
	{ "fault", required_argument, NULL, O_FAULT },
	{ "script", required_argument, NULL, O_SCRIPT },
	{ "control", required_argument, NULL, O_CONTROL },
	{ "state-dir", required_argument, NULL, O_STATE_DIR },
	{ "log", required_argument, NULL, O_LOG },
	{ "strict", no_argument, NULL, O_STRICT },
	{ "usb", no_argument, NULL, O_USB },
	{ "warm", no_argument, NULL, O_WARM },
	{ "no-rdy", no_argument, NULL, O_NO_RDY },
	{ "netopen-error", no_argument, NULL, O_NETOPEN_ERROR },
	{ "rx-gap", required_argument, NULL, O_RX_GAP },
	{ "rx-interleave", no_argument, NULL, O_RX_INTERLEAVE },
	{ "prompt", required_argument, NULL, O_PROMPT },
	{ "no-data-echo", no_argument, NULL, O_NO_DATA_ECHO },
	{ "certdown-existing-fails", no_argument, NULL, O_EXISTING_FAILS },
	{ "missing-file-early", no_argument, NULL, O_MISSING_EARLY },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char help[] =
    "usage: sim7600 --link PATH [options]\n"
    "\n"
    "A simulated SIM7600 on a pty. Its MQTT clients connect to real brokers.\n"
    "\n"
    "  --link PATH           symbolic link to the port, made at start, removed at exit\n"
    "  --map NAME:PORT=HOST:PORT  where a broker really is; may be repeated\n"
    "  --control PATH        Unix socket for commands (see its `help`)\n"
    "  --scenario FILE       a story of a modem, see sim7600(1); options behind it change it\n"
    "  --play FILE           a recorded dialogue instead of a modem, see sim7600(1)\n"
    "  --script FILE         lines of `MS COMMAND`, MS since start\n"
    "  --fault RULE          MATCH[#NTH][*TIMES] KIND [ARG]; may be repeated\n"
    "  --state-dir DIR       keep certificates there\n"
    "  --log FILE            the dialogue, secrets masked; - is stderr\n"
    "  --strict              exit 3 if the host broke a rule of the modem\n"
    "port:\n"
    "  --baud N              pace bytes like a UART (default: no pacing)\n"
    "  --chunk N             write at most N bytes at once, random sizes\n"
    "  --latency MS, --jitter MS  command to answer (20, 0)\n"
    "  --usb                 the port exists only while the modem is up\n"
    "  --seed N              for chunk sizes, jitter and garbage\n"
    "modem:\n"
    "  --model NAME          sim7600 (default), sim7500, a7670, a7672, a7608, sim7670, sim7672;\n"
    "                        the options behind it change it\n"
    "  --boot-ms MS, --register-ms MS  power to RDY (5000), SIM ready to registered (3000)\n"
    "  --warm                has been up for long: no boot\n"
    "  --no-rdy, --no-sim, --pin PIN, --puk PUK\n"
    "  --clock plausible|unset\n"
    "  --mode command|data|ppp|cmux  what somebody left it in; not command: implies --warm\n"
    "  --quiet               ATQ1 was left; implies --warm\n"
    "  --uart-baud N         its speed: another one of the host's garbles all bytes\n"
    "  --tied-to CODE, --radio-off, --roaming  its network\n"
    "  --start-order, --disc-order  result-first|ok-first|ok-only\n"
    "  --connect-fail        ok-result|result-error|error-result|bare\n"
    "  --stray               none|ok|error: when a PUB or SUB kills the connection\n"
    "  --netopen-error       AT+NETOPEN always fails\n"
    "  --rx-gap MS, --rx-interleave  blocks of incoming messages\n"
    "  --prompt bare|blank|line  what is behind the > of a data entry\n"
    "  --no-data-echo        with echo on, commands alone come back\n"
    "  --certdown-existing-fails, --missing-file-early\n";

static int word(const char *s, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], s) == 0)
			return i;
	return -1;
}

static bool take_word(const char *s, const char *const *words, unsigned *ret)
{
	int i = word(s, words);

	if (i >= 0)
		*ret = (unsigned)i;
	return i >= 0;
}

static bool take_number(const char *s, uint32_t *ret)
{
	char *end;
	unsigned long v = strtoul(s, &end, 10);

	*ret = (uint32_t)v;
	return *s >= '0' && *s <= '9' && !*end && v <= UINT32_MAX;
}

static bool take_order(struct sim *s, int o, const char *arg)
{
	static const char *const orders[] = { "result-first", "ok-first", "ok-only", NULL };
	static const char *const fails[] = { "ok-result", "result-error", "error-result", "bare",
		NULL };
	static const char *const strays[] = { "none", "ok", "error", NULL };
	unsigned v;

	if (!take_word(arg, o == O_CONNECT_FAIL ? fails : o == O_STRAY ? strays : orders, &v))
		return false;
	if (o == O_CONNECT_FAIL)
		s->cfg.connect_fail = (enum fake_fail_form)v;
	else if (o == O_STRAY)
		s->cfg.stray = (enum fake_stray)v;
	else if (o == O_DISC_ORDER)
		s->cfg.disc_order = (enum fake_order)v;
	else
		s->cfg.start_order = s->cfg.stop_order = (enum fake_order)v;
	return true;
}

static bool take_file(struct sim *s, const char *arg)
{
	if (strcmp(arg, "-") == 0)
		s->log = stderr;
	else
		s->log = fopen(arg, "we");
	if (s->log)
		setvbuf(s->log, NULL, _IOLBF, 0);
	return s->log;
}

static bool take_number_option(struct sim *s, int o, const char *arg)
{
	uint32_t v;

	if (!take_number(arg, &v))
		return false;
	if (o == O_BAUD)
		s->cfg.baud = v;
	else if (o == O_UART_BAUD)
		s->cfg.uart_baud = v;
	else if (o == O_LATENCY)
		s->cfg.latency_ms = v;
	else if (o == O_JITTER)
		s->cfg.latency_jitter_ms = v;
	else if (o == O_BOOT)
		s->cfg.boot_ms = v;
	else if (o == O_REGISTER)
		s->cfg.register_ms = v;
	else if (o == O_SEED)
		s->cfg.seed = s->prng = v;
	else if (o == O_CHUNK)
		s->chunk = v;
	else
		s->cfg.rx_gap_ms = v;
	return true;
}

static bool take_switch(struct sim *s, int o)
{
	switch (o) {
	case O_NO_SIM:
		s->cfg.sim_present = false;
		return true;
	case O_QUIET:
		return s->cfg.warm = s->cfg.quiet = true;
	case O_RADIO_OFF:
		return s->cfg.radio_off = true;
	case O_ROAMING:
		s->cfg.register_stat = 5;
		return true;
	case O_STRICT:
		return s->strict = true;
	case O_USB:
		return s->usb = true;
	case O_WARM:
		return s->cfg.warm = true;
	case O_NO_RDY:
		s->cfg.say_rdy = false;
		return true;
	case O_NETOPEN_ERROR:
		return s->cfg.netopen_error = true;
	case O_NO_DATA_ECHO:
		s->cfg.echo_data = false;
		return true;
	case O_RX_INTERLEAVE:
		return s->cfg.rx_interleave = true;
	case O_EXISTING_FAILS:
		return s->cfg.certdown_existing_fails = true;
	case O_MISSING_EARLY:
		return s->cfg.missing_file_refused_early = true;
	default:
		return false;
	}
}

static bool take_fault(struct sim *s, const char *arg)
{
	struct fake_fault f;

	if (fake_fault_parse(arg, &f) < 0 || s->faults_n == sizeof s->faults / sizeof s->faults[0])
		return false;
	s->faults[s->faults_n++] = arg;
	return true;
}

static bool take_scenario(struct sim *s, const char *path)
{
	char why[128];

	if (s->scenario)
		return false;
	s->scenario = fake_scenario_read(path, &s->cfg, why, sizeof why);
	if (!s->scenario) {
		fprintf(stderr, "sim7600: %s:%s\n", path, why);
		return false;
	}
	s->chunk = fake_scenario_chunk(s->scenario);
	return true;
}

static void on_play_log(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "sim7600: %s\n", text);
}

static bool take_play(struct sim *s, const char *path)
{
	char why[128];

	if (s->play)
		return false;
	s->play = sim_play_read(path, on_play_log, s, why, sizeof why);
	if (!s->play)
		fprintf(stderr, "sim7600: %s: %s\n", path, why);
	return s->play;
}

static bool take_option(struct sim *s, int o, const char *arg)
{
	static const char *const modes[] = { "command", "data", "ppp", "cmux", NULL };
	static const char *const clocks[] = { "unset", "plausible", NULL };
	static const char *const prompt_words[] = { "bare", "blank", "line", NULL };
	static const char *const prompts[] = { "\r\n>", "\r\n> ", "\r\n>\r\n" };
	unsigned v = 0;

	switch (o) {
	case O_LINK:
		s->pty.link = arg;
		return true;
	case O_MAP:
		return uplink_map(s->uplink, arg) == 0;
	case O_MODE:
		if (!take_word(arg, modes, &v))
			return false;
		s->cfg.mode = (enum fake_mode)v;
		return s->cfg.warm = true;
	case O_TIED_TO:
		s->cfg.tied_to = arg;
		return true;
	case O_PLAY:
		return take_play(s, arg);
	case O_SCENARIO:
		return take_scenario(s, arg);
	case O_MODEL:
		return fake_modem_cfg_model(&s->cfg, arg);
	case O_START_ORDER:
	case O_DISC_ORDER:
	case O_CONNECT_FAIL:
	case O_STRAY:
		return take_order(s, o, arg);
	case O_PIN:
		s->cfg.pin = arg;
		return true;
	case O_PUK:
		s->cfg.puk = arg;
		return true;
	case O_CLOCK:
		if (!take_word(arg, clocks, &v))
			return false;
		s->cfg.clock_set = v != 0;
		return true;
	case O_PROMPT:
		if (!take_word(arg, prompt_words, &v))
			return false;
		s->cfg.prompt = prompts[v];
		return true;
	case O_FAULT:
		return take_fault(s, arg);
	case O_SCRIPT:
		s->script_file = arg;
		return true;
	case O_CONTROL:
		s->control = arg;
		return true;
	case O_STATE_DIR:
		s->state_dir = arg;
		return true;
	case O_LOG:
		return take_file(s, arg);
	default:
		return arg ? take_number_option(s, o, arg) : take_switch(s, o);
	}
}

bool sim_options_read(struct sim *s, int argc, char **argv, int *ret_status)
{
	int o;

	while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (o == 'h') {
			fputs(help, stdout);
			*ret_status = EXIT_SUCCESS;
			return false;
		}
		if (o == '?' || !take_option(s, o, optarg)) {
			fprintf(stderr, "sim7600: bad option or value%s%s; -h for help\n",
			    optarg ? ": " : "", optarg ? optarg : "");
			*ret_status = EXIT_USAGE;
			return false;
		}
	}
	return true;
}

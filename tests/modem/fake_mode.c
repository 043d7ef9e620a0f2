/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line before it is a command line: data mode and PPP, left by +++ with silence around it
 * (manual 2.2), multiplexing, left by its close-down frame (3GPP 27.010 5.4.6.3.3), and a speed
 * that is not the host's, at which every byte is another one.
 */
#include "fake_priv.h"

#include <string.h>

enum { GUARD_MS = 1000, PPP_MS = 3000 };

static const char close_down[] = "\xf9\x03\xef\x05\xc3\x01\xf2\xf9";
static const char lcp[] = "\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x21\x7d\x20\x7d\x34\x7e";

enum { CLOSE_DOWN_LEN = sizeof close_down - 1 };

static void on_ppp(struct fake_modem *m, const struct fm_event *ev)
{
	(void)ev;
	if (m->mode != FAKE_MODE_PPP)
		return;
	fm_emit(m, 0, FM_EV_BODY, lcp, sizeof lcp - 1);
	fm_at(m, PPP_MS, on_ppp, 0, 0);
}

void fm_mode_set(struct fake_modem *m, enum fake_mode mode)
{
	m->mode = mode;
	m->mode_tail_n = 0;
	if (mode == FAKE_MODE_PPP)
		fm_at(m, PPP_MS, on_ppp, 0, 0);
}

/* Nothing came behind the +++ for the guard time. */
static void on_guard(struct fake_modem *m, const struct fm_event *ev)
{
	if (m->mode_rx != ev->arg || (m->mode != FAKE_MODE_DATA && m->mode != FAKE_MODE_PPP))
		return;
	fm_mode_set(m, FAKE_MODE_COMMAND);
	fm_trace(m, '-', "+++: command mode");
	fm_emit(m, 0, 0, "\r\nOK\r\n", 6);
}

static void take_escape(struct fake_modem *m, char c)
{
	bool was_silent = m->t - m->mode_ns >= GUARD_MS * FM_MS;

	if (c != '+' || (m->mode_tail_n == 0 && !was_silent))
		m->mode_tail_n = 0;
	else if (++m->mode_tail_n == 3)
		fm_at(m, GUARD_MS, on_guard, 0, m->mode_rx);
}

static void take_frame(struct fake_modem *m, char c)
{
	m->mode_tail_n = c == close_down[m->mode_tail_n] ? m->mode_tail_n + 1 : c == close_down[0];
	if (m->mode_tail_n < CLOSE_DOWN_LEN)
		return;
	fm_trace(m, '-', "multiplexer closed down");
	fm_mode_set(m, FAKE_MODE_COMMAND);
}

size_t fm_mode_input(struct fake_modem *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = m->rx.bytes.s[i];

		if (m->mode == FAKE_MODE_COMMAND)
			return i;
		m->mode_rx++;
		if (m->mode == FAKE_MODE_CMUX)
			take_frame(m, c);
		else
			take_escape(m, c);
		m->mode_ns = m->t;
	}
	return m->mode == FAKE_MODE_COMMAND ? 0 : n;
}

/* In command mode both are no commands: nothing happens. */
size_t fm_mode_skip(const char *line)
{
	size_t n = strncmp(line, "+++", 3) == 0 ? 3 : 0;

	if (strncmp(line + n, close_down, CLOSE_DOWN_LEN) == 0)
		n += CLOSE_DOWN_LEN;
	return n;
}

bool fm_mode_is_speed_wrong(const struct fake_modem *m)
{
	return m->uart_baud && m->host_baud && m->uart_baud != m->host_baud;
}

void fm_mode_garble(struct fake_modem *m, char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s[i] = (char)(0x80 | fm_random(m, 0x80));
}

void fake_modem_host_line(struct fake_modem *m, uint64_t now, uint32_t baud)
{
	fake_modem_tick(m, now);
	m->host_baud = baud;
}

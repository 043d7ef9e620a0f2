/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dialogues between clients and the local MQTT server, for the tables of its tests.
 *
 * A dialogue is a list of lines, each for a client 0..9 that is opened when it is first used:
 *   0> PACKET     client 0 sends, and a turn is made
 *   0< PACKETS    exactly this was written for client 0 since the last such line
 *   0! WHY        its connection was closed by the server, for this reason
 *   0x            its socket is lost
 *   0p 0r         it is paused, it is read from
 *   0s 0g         it stops reading, it goes on
 *   0o LISTENER   a new connection
 *   t MS          time passes, and what is due happens
 *   v VERDICT     answer to every PUBLISH from now on: accept, hold, quota, topic, payload, failed
 *   h             held packets are offered again
 *   c on|off      commit in every turn, or not
 *   c slow        begin to commit; c end: it is done, and the next ones are done at once
 *   n COUNT       so many PUBLISH were accepted so far
 *   e TEXT        clients that came and went since the last such line
 * After the last line nothing may be left unread. Packets are written as in mqtt_notation.h.
 */
#ifndef CMQTTD_TESTS_MQTT_DIALOGUE_H
#define CMQTTD_TESTS_MQTT_DIALOGUE_H

#include "mqtt_notation.h"
#include "mqtt_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static uint8_t dialogue_packet[NOTATION_MAX];

static inline void dialogue_expect(struct world *w, size_t i, const char *bytes, const char *line)
{
	size_t len = notation_read(bytes, dialogue_packet);
	struct buf *seen = &w->clients[i].seen;

	if (buf_len(seen) != len || (len && memcmp(buf_data(seen), dialogue_packet, len) != 0)) {
		print_error("written:");
		for (size_t k = 0; k < buf_len(seen) && k < 200; k++)
			print_error(" %02x", buf_data(seen)[k]);
		print_error("\n");
		fail_msg("line \"%s\"", line);
	}
	buf_clear(seen);
}

static inline enum mqtt_close dialogue_why(const char *name)
{
	static const char *const names[MQTT_CLOSE_COUNT] = { "NORMAL", "EOF", "PROTOCOL",
		"TOO_LARGE", "KEEPALIVE", "TAKEN_OVER", "REFUSED", "NO_CONNECT", "SLOW", "NOMEM",
		"STORE", "SHUTDOWN" };
	enum mqtt_close why = MQTT_CLOSE_NORMAL;

	while (why < MQTT_CLOSE_COUNT && strcmp(names[why], name) != 0)
		why++;
	assert_true(why < MQTT_CLOSE_COUNT);
	return why;
}

static inline void dialogue_client_line(struct world *w, const char *line)
{
	size_t i = (size_t)(line[0] - '0');
	struct world_client *c = &w->clients[i];
	const char *rest = line[2] == ' ' ? line + 3 : line + 2;

	switch (line[1]) {
	case '>':
		if (!c->number)
			assert_int_equal(world_open(w, i, 0), 0);
		world_send(w, i, dialogue_packet, notation_read(rest, dialogue_packet));
		world_turn(w);
		break;
	case '<':
		dialogue_expect(w, i, rest, line);
		break;
	case '!':
		if (!c->is_closed || c->why != dialogue_why(rest))
			fail_msg("line \"%s\", closed %d why %d", line, c->is_closed, c->why);
		break;
	case 'x':
		world_lose(w, i);
		world_turn(w);
		break;
	case 'p':
	case 'r':
		if (c->is_paused != (line[1] == 'p'))
			fail_msg("line \"%s\"", line);
		break;
	case 's':
		c->is_stuck = true;
		break;
	case 'g':
		c->is_stuck = false;
		world_read(w, c);
		world_turn(w);
		break;
	case 'o':
		assert_int_equal(world_open(w, i, (size_t)(rest[0] - '0')), 0);
		break;
	default:
		fail_msg("line \"%s\"", line);
	}
}

static inline enum mqtt_verdict dialogue_verdict(const char *name)
{
	static const char *const names[] = { "accept", "hold", "quota", "topic", "payload",
		"failed" };
	size_t i = 0;

	while (i < sizeof(names) / sizeof(names[0]) && strcmp(names[i], name) != 0)
		i++;
	assert_true(i < sizeof(names) / sizeof(names[0]));
	return (enum mqtt_verdict)i;
}

static inline void dialogue_say(struct world *w, const char *line)
{
	const char *rest = line[1] == ' ' ? line + 2 : line + 1;

	if (line[0] >= '0' && line[0] <= '9') {
		dialogue_client_line(w, line);
		return;
	}
	switch (line[0]) {
	case 't':
		w->now_ms += strtoull(rest, NULL, 10);
		mqtt_server_tick(w->server, w->now_ms);
		break;
	case 'v':
		w->verdict = dialogue_verdict(rest);
		break;
	case 'h':
		mqtt_server_resume_held(w->server, w->now_ms);
		break;
	case 'c':
		w->is_commit_off = strcmp(rest, "off") == 0;
		w->is_commit_slow = strcmp(rest, "slow") == 0;
		if (strcmp(rest, "end") == 0)
			world_end_commit(w);
		break;
	case 'n':
		if (w->publish_count != strtoull(rest, NULL, 10))
			fail_msg("line \"%s\", but %zu", line, w->publish_count);
		break;
	case 'e':
		if (w->log[0])
			w->log[strlen(w->log) - 1] = '\0';
		if (strcmp(w->log, rest) != 0)
			fail_msg("line \"%s\", but \"%s\"", line, w->log);
		w->log[0] = '\0';
		break;
	default:
		fail_msg("line \"%s\"", line);
	}
	world_turn(w);
}

#endif

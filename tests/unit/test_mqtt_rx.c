/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "modem/mqtt_rx.h"

enum piece { PIECE_NONE, PIECE_START, PIECE_TOPIC, PIECE_PAYLOAD, PIECE_END, PIECE_DROP };

struct step {
	enum piece piece;
	size_t a, b; /* lengths */
	enum inbound_loss loss;
};

struct row {
	const char *name;
	struct step step[10];
	unsigned complete;
	size_t topic_len, payload_len; /* of the last complete one */
};

static const struct row rows[] = {
	{ "one piece each",
	    { { PIECE_START, 3, 5, 0 }, { PIECE_TOPIC, 3, 0, 0 }, { PIECE_PAYLOAD, 5, 0, 0 },
		{ PIECE_END, 0, 0, 0 } },
	    1, 3, 5 },
	{ "pieces of 1500 (seen: 2039 bytes as 1500 and 539)",
	    { { PIECE_START, 9, 2039, 0 }, { PIECE_TOPIC, 9, 0, 0 }, { PIECE_PAYLOAD, 1500, 0, 0 },
		{ PIECE_PAYLOAD, 539, 0, 0 }, { PIECE_END, 0, 0, 0 } },
	    1, 9, 2039 },
	{ "topic in pieces",
	    { { PIECE_START, 1024, 1, 0 }, { PIECE_TOPIC, 1000, 0, 0 }, { PIECE_TOPIC, 24, 0, 0 },
		{ PIECE_PAYLOAD, 1, 0, 0 }, { PIECE_END, 0, 0, 0 } },
	    1, 1024, 1 },
	{ "empty message has no payload line",
	    { { PIECE_START, 3, 0, 0 }, { PIECE_TOPIC, 3, 0, 0 }, { PIECE_END, 0, 0, 0 } }, 1, 3,
	    0 },
	{ "largest",
	    { { PIECE_START, 1024, 10240, 0 }, { PIECE_TOPIC, 1024, 0, 0 },
		{ PIECE_PAYLOAD, 10240, 0, 0 }, { PIECE_END, 0, 0, 0 } },
	    1, 1024, 10240 },
	{ "payload too short",
	    { { PIECE_START, 3, 5, 0 }, { PIECE_TOPIC, 3, 0, 0 }, { PIECE_PAYLOAD, 4, 0, 0 },
		{ PIECE_END, 0, 0, INBOUND_LOSS_SUM } },
	    0, 0, 0 },
	{ "topic too short",
	    { { PIECE_START, 3, 5, 0 }, { PIECE_TOPIC, 2, 0, 0 }, { PIECE_PAYLOAD, 5, 0, 0 },
		{ PIECE_END, 0, 0, INBOUND_LOSS_SUM } },
	    0, 0, 0 },
	{ "too long is told once",
	    { { PIECE_START, 3, 5, 0 }, { PIECE_TOPIC, 3, 0, 0 },
		{ PIECE_PAYLOAD, 6, 0, INBOUND_LOSS_SUM }, { PIECE_PAYLOAD, 6, 0, 0 },
		{ PIECE_END, 0, 0, 0 } },
	    0, 0, 0 },
	{ "beginning inside another: the new one is whole",
	    { { PIECE_START, 3, 5, 0 }, { PIECE_TOPIC, 3, 0, 0 },
		{ PIECE_START, 2, 1, INBOUND_LOSS_ORDER }, { PIECE_TOPIC, 2, 0, 0 },
		{ PIECE_PAYLOAD, 1, 0, 0 }, { PIECE_END, 0, 0, 0 } },
	    1, 2, 1 },
	{ "pieces without a beginning are told once",
	    { { PIECE_TOPIC, 3, 0, INBOUND_LOSS_ORDER }, { PIECE_PAYLOAD, 3, 0, 0 },
		{ PIECE_END, 0, 0, 0 }, { PIECE_END, 0, 0, INBOUND_LOSS_ORDER } },
	    0, 0, 0 },
	{ "announced too long",
	    { { PIECE_START, 3, 10241, INBOUND_LOSS_TOO_LONG }, { PIECE_TOPIC, 3, 0, 0 },
		{ PIECE_PAYLOAD, 1500, 0, 0 }, { PIECE_END, 0, 0, 0 } },
	    0, 0, 0 },
	{ "topic announced too long",
	    { { PIECE_START, 1025, 1, INBOUND_LOSS_TOO_LONG }, { PIECE_END, 0, 0, 0 } }, 0, 0, 0 },
	{ "no topic", { { PIECE_START, 0, 1, INBOUND_LOSS_SUM }, { PIECE_END, 0, 0, 0 } }, 0, 0,
	    0 },
	{ "dropped, then another",
	    { { PIECE_START, 3, 5, 0 }, { PIECE_DROP, 0, 0, INBOUND_LOSS_GARBAGE },
		{ PIECE_PAYLOAD, 5, 0, 0 }, { PIECE_END, 0, 0, 0 }, { PIECE_START, 1, 0, 0 },
		{ PIECE_TOPIC, 1, 0, 0 }, { PIECE_END, 0, 0, 0 } },
	    1, 1, 0 },
	{ "nothing open to drop", { { PIECE_DROP, 0, 0, 0 } }, 0, 0, 0 },
};

static uint8_t bytes[MODEM_PAYLOAD_MAX + 1];

static enum inbound_loss run(struct mqtt_rx *rx, const struct step *step, bool *ret_complete,
    struct span *ret_topic, struct span *ret_payload)
{
	switch (step->piece) {
	case PIECE_START:
		return mqtt_rx_start(rx, step->a, step->b);
	case PIECE_TOPIC:
		return mqtt_rx_topic(rx, (struct span){ bytes, step->a });
	case PIECE_PAYLOAD:
		return mqtt_rx_payload(rx, (struct span){ bytes + buf_len(&rx->payload), step->a });
	case PIECE_END:
		return mqtt_rx_end(rx, ret_complete, ret_topic, ret_payload);
	case PIECE_DROP:
		return mqtt_rx_drop(rx, INBOUND_LOSS_GARBAGE);
	case PIECE_NONE:
		break;
	}
	return INBOUND_LOSS_NONE;
}

static void assembles(void **state)
{
	const struct row *row;
	struct mqtt_rx rx;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 31);
	for (row = rows; row < rows + sizeof rows / sizeof rows[0]; row++) {
		struct span topic = { 0 }, payload = { 0 };
		unsigned complete = 0;

		mqtt_rx_init(&rx);
		for (i = 0; row->step[i].piece != PIECE_NONE; i++) {
			bool is_complete = false;
			enum inbound_loss loss =
			    run(&rx, &row->step[i], &is_complete, &topic, &payload);

			if (loss != row->step[i].loss)
				fail_msg("%s: step %zu", row->name, i);
			if (!is_complete)
				continue;
			complete++;
			assert_int_equal(topic.len, row->topic_len);
			assert_int_equal(payload.len, row->payload_len);
			if (payload.len > 0)
				assert_memory_equal(payload.data, bytes, payload.len);
		}
		if (complete != row->complete)
			fail_msg("%s: %u complete", row->name, complete);
		mqtt_rx_fini(&rx);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(assembles) };

	return cmocka_run_group_tests_name("mqtt_rx", tests, NULL, NULL);
}

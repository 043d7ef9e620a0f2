/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/fake_client.h"

#include "packet.h"
#include "sim/world.h"

#include <assert.h>
#include <string.h>

#define RECONNECT_MS   2000
#define LOOSE_PERMILLE 60 /* packets */

void fake_client_init(
    struct fake_client *c, struct world *w, enum client_role role, unsigned index, const char *id)
{
	*c = (struct fake_client){ .world = w,
		.role = role,
		.index = index,
		.id = id,
		.publish_ms = UINT64_MAX,
		.push_ms = UINT64_MAX,
		/* publishers come when the subscribers are there */
		.connect_ms = w->now_ms + prng_range(&w->rng, 10000, 15000) };
	buf_init(&c->up, 1 << 20);
	buf_init(&c->down, 1 << 20);
}

void fake_client_fini(struct fake_client *c)
{
	buf_fini(&c->up);
	buf_fini(&c->down);
}

/* ---- packets to the daemon ---- */

/* Where they are put; the first one begins to move. */
static struct buf *up(struct fake_client *c)
{
	if (c->push_ms == UINT64_MAX)
		c->push_ms = c->world->now_ms;
	return &c->up;
}

/* Each connection of the first publisher has a will of its own. */
static struct message *draw_will(struct fake_client *c)
{
	size_t i = SUBJECT_OF_WILLS;

	if (!c->world->p.has_wills || c->role != CLIENT_PUBLISHER || c->index != 0)
		return NULL;
	return ledger_new(c->world, i, 1, LEDGER_BODY_MIN);
}

static void put_connect(struct fake_client *c)
{
	struct message *will = draw_will(c);
	uint8_t body[SIM_PAYLOAD_MAX];
	char topic[LEDGER_TOPIC_MAX] = "";
	unsigned flags = c->is_clean ? PACKET_CLEAN_SESSION : 0;

	c->will = will ? will->number : 0;
	if (!will) {
		packet_put_connect(up(c), c->id, flags, 0);
		return;
	}
	ledger_topic(will, -1, topic);
	ledger_body(c->world, will, body);
	packet_put_connect(
	    up(c), c->id, flags | PACKET_WILL_QOS_1, 2 + strlen(topic) + 2 + will->len);
	packet_put_text(up(c), span_text(topic));
	packet_put_text(up(c), (struct span){ body, will->len });
	will->sends++;
}

static void put_publish(struct fake_client *c, struct message *m, uint16_t packet_id, bool is_dup)
{
	uint8_t body[SIM_PAYLOAD_MAX];
	char topic[LEDGER_TOPIC_MAX];

	ledger_topic(m, -1, topic);
	ledger_body(c->world, m, body);
	packet_put_publish(up(c), (unsigned)m->qos << 1 | (is_dup ? PACKET_DUP : 0),
	    span_text(topic), packet_id, (struct span){ body, m->len });
	m->sends++;
}

/* ---- publishing ---- */

static struct message *message_of(struct fake_client *c, const struct client_flight *f)
{
	return &c->world->ledger.messages[f->number - 1];
}

/* The seed has this kind of subjects. */
static bool has_kind(const struct sim_params *p, enum subject_kind kind)
{
	switch (kind) {
	case SUBJECT_KEEP_LAST:
		return p->has_keep_last;
	case SUBJECT_TTL:
		return p->has_ttl;
	case SUBJECT_JAM:
		return p->has_jam;
	case SUBJECT_PLAIN:
	case SUBJECT_WILL:
	case SUBJECT_HAND:
		break;
	}
	return false;
}

/* Every now and then something special. */
static bool pick_special(struct fake_client *c, size_t *ret)
{
	struct world *w = c->world;
	size_t i = prng_range(&w->extra, SUBJECT_PLAIN_COUNT, SUBJECT_OF_WILLS);

	if (!prng_chance(&w->extra, 500) || sim_subjects[i].origin != (int)c->index ||
	    !has_kind(&w->p, sim_subjects[i].kind))
		return false;
	*ret = i;
	return true;
}

static size_t pick_subject(struct fake_client *c)
{
	if (c->world->p.steady_ms > 0)
		return SUBJECT_BOTH;
	for (;;) {
		size_t i = prng_range(&c->world->rng, 0, SUBJECT_PLAIN_COUNT - 1);

		if (sim_subjects[i].origin == (int)c->index &&
		    (!sim_subjects[i].is_forbidden || c->world->p.has_forbidden)) {
			(void)pick_special(c, &i);
			return i;
		}
	}
}

static void publish(struct fake_client *c, uint64_t now_ms)
{
	struct world *w = c->world;
	size_t subject = pick_subject(c);
	size_t len = sim_subjects[subject].is_tiny ? prng_range(&w->rng, 0, 7) : world_draw_len(w);
	struct message *m = ledger_new(w, subject, (uint8_t)prng_range(&w->rng, 0, 2), len);
	struct client_flight *f;

	/* A small store has no room for all that local sessions could be owed. */
	if (m)
		m->is_owed = m->qos > 0 && ledger_lasting(w)->is_subscribed &&
			     w->p.store_bytes >= SIM_ROOMY_BYTES;
	c->left--;
	c->publish_ms = c->left > 0 ? now_ms + world_draw_pause(w, c->left) : UINT64_MAX;
	if (!m)
		return;
	if (m->qos == 0) {
		put_publish(c, m, 0, false);
		return;
	}
	f = &c->flights[c->flight_count++];
	*f = (struct client_flight){ .packet_id = ++c->last_packet_id, .number = m->number };
	put_publish(c, m, f->packet_id, false);
}

static void resend(struct fake_client *c)
{
	for (size_t i = 0; i < c->flight_count; i++) {
		if (c->flights[i].is_released)
			packet_put_ack(up(c), PACKET_PUBREL, c->flights[i].packet_id);
		else
			put_publish(
			    c, message_of(c, &c->flights[i]), c->flights[i].packet_id, true);
	}
}

static struct client_flight *find_flight(struct fake_client *c, uint16_t packet_id)
{
	for (size_t i = 0; i < c->flight_count; i++) {
		if (c->flights[i].packet_id == packet_id)
			return &c->flights[i];
	}
	return NULL;
}

static void end_flight(struct fake_client *c, struct client_flight *f)
{
	size_t i = (size_t)(f - c->flights);

	ledger_acked(c->world, f->number);
	c->flight_count--;
	memmove(f, f + 1, (c->flight_count - i) * sizeof(*f));
}

/* ---- packets from the daemon ---- */

static void on_ack(struct fake_client *c, unsigned type, uint16_t packet_id)
{
	struct client_flight *f = find_flight(c, packet_id);
	struct message *m = f ? message_of(c, f) : NULL;

	if (!f && type != PACKET_PUBREC) {
		world_wrong(c->world, "%s got an acknowledgement %02x for nothing", c->id, type);
		return;
	}
	if (type == PACKET_PUBREC) {
		/* Also for a message whose PUBREL is on its way already. */
		if (f)
			f->is_released = true;
		packet_put_ack(up(c), PACKET_PUBREL, packet_id);
	} else if ((type == PACKET_PUBACK) != (m->qos == 1)) {
		world_wrong(c->world, "%s: wrong kind of acknowledgement %02x", c->id, type);
	} else {
		end_flight(c, f);
	}
}

/* Remember, or forget, a QoS 2 identifier. False: it was so already. */
static bool take_id(struct fake_client *c, uint16_t packet_id, bool remember)
{
	uint8_t *byte = &c->received_ids[packet_id / 8], bit = (uint8_t)(1U << packet_id % 8);

	if (!!(*byte & bit) == remember)
		return false;
	*byte ^= bit;
	return true;
}

static void pass_on(
    struct fake_client *c, struct span topic, struct span payload, uint8_t qos, bool is_dup)
{
	if (topic.len > 0 && topic.data[0] != '$')
		ledger_delivered(c->world, c->index, topic, payload, qos, is_dup);
}

static void on_publish(struct fake_client *c, uint8_t first, struct span body)
{
	struct cursor in;
	struct span topic, payload;
	uint16_t packet_id = 0;
	uint8_t qos = first >> 1 & 3;

	cursor_init(&in, body.data, body.len);
	topic = cursor_span(&in, cursor_u16(&in));
	if (qos > 0)
		packet_id = cursor_u16(&in);
	payload = cursor_span(&in, in.left);
	if (in.is_short || qos > c->qos) {
		world_wrong(c->world, "%s got a PUBLISH that is none", c->id);
		return;
	}
	if (qos < 2 || take_id(c, packet_id, true))
		pass_on(c, topic, payload, qos, qos < 2 && first & 8);
	if (qos > 0)
		packet_put_ack(up(c), qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, packet_id);
}

/* A session that was to last is there, with its subscription. */
static void resume(struct fake_client *c, bool is_present)
{
	if (c->is_subscribed && !c->is_clean && !is_present)
		world_wrong(c->world, "the session of %s was forgotten", c->id);
	if (c->filters && (c->is_clean || !c->is_subscribed))
		packet_put_subscribe(up(c), ++c->last_packet_id, c->filters, c->qos);
}

static void on_connack(struct fake_client *c, uint64_t now_ms, struct span body)
{
	if (body.len != 2 || body.data[1] != 0) {
		world_wrong(c->world, "%s was refused", c->id);
		return;
	}
	c->is_online = true;
	resume(c, body.data[0] & 1);
	resend(c);
	if (c->left > 0 && c->publish_ms < now_ms)
		c->publish_ms = now_ms;
}

static void on_packet(struct fake_client *c, uint64_t now_ms, uint8_t first, struct span body)
{
	struct cursor in;

	cursor_init(&in, body.data, body.len);
	switch (first & 0xf0) {
	case PACKET_CONNACK:
		on_connack(c, now_ms, body);
		break;
	case PACKET_PUBLISH:
		on_publish(c, first, body);
		break;
	case PACKET_PUBACK:
	case PACKET_PUBREC:
	case PACKET_PUBCOMP:
		on_ack(c, first, cursor_u16(&in));
		break;
	case PACKET_PUBREL & 0xf0:
		take_id(c, cursor_u16(&in), false);
		packet_put_ack(up(c), PACKET_PUBCOMP, (uint16_t)(body.data[0] << 8 | body.data[1]));
		break;
	case PACKET_SUBACK:
		c->is_subscribed = true;
		ledger_subscribed(c->world, c->index);
		break;
	case PACKET_PINGRESP:
		break;
	default:
		world_wrong(c->world, "%s got a packet %02x", c->id, first);
	}
}

/* The connection is lost before the client has read what was sent to it. */
static bool is_loose(struct fake_client *c)
{
	struct world *w = c->world;

	return w->p.has_loose_sockets && !w->faults.is_over && c->is_online &&
	       prng_chance(&w->extra, LOOSE_PERMILLE);
}

/* One whole packet; false: not there yet, or lost. */
static bool take_packet(struct fake_client *c, uint64_t now_ms)
{
	struct packet packet;

	if (!packet_peek(&c->down, &packet))
		return false;
	if (is_loose(c)) {
		fake_client_hang_up(c, now_ms);
		return false;
	}
	on_packet(c, now_ms, (uint8_t)packet.first, packet.body);
	buf_consume(&c->down, packet.size);
	return true;
}

/* ---- what vandals do ---- */

static void vandalise(struct fake_client *c, uint64_t now_ms)
{
	static const uint8_t nonsense[][12] = {
		{ 0x00, 0x00 },
		{ 0x30, 0xff, 0xff, 0xff, 0xff, 0x7f },
		{ 0x36, 0x05, 0x00, 0x01, 'x', 0x00, 0x01 },
		{ 0x33, 0x05, 0x00, 0x01, '#', 0x00, 0x01 },
		{ 0x10, 0x00 },
		{ 0x82, 0x05, 0x00, 0x01, 0x00, 0x00, 0x00 },
		{ 0xf0, 0x00 },
	};
	struct prng *r = &c->world->rng;

	c->publish_ms = now_ms + prng_range(r, 1000, 20000);
	if (prng_chance(r, 500)) {
		/* Half a PUBLISH, then nothing more. */
		packet_put_head(up(c), PACKET_PUBLISH, 500);
		packet_put_text(up(c), span_text("up/c/half"));
		c->publish_ms = UINT64_MAX;
		c->connect_ms = now_ms + prng_range(r, 1000, 60000);
	} else {
		size_t i = prng_range(r, 0, sizeof(nonsense) / sizeof(nonsense[0]) - 1);

		(void)buf_append(up(c), nonsense[i], sizeof(nonsense[i]));
	}
}

/* ---- the connection ---- */

void fake_client_lost(struct fake_client *c, uint64_t now_ms)
{
	c->conn = 0;
	c->is_online = false;
	c->is_paused = false;
	c->has_output = false;
	c->push_ms = UINT64_MAX;
	buf_clear(&c->up);
	buf_clear(&c->down);
	c->connect_ms =
	    c->is_retired ? UINT64_MAX : now_ms + prng_range(&c->world->rng, 10, RECONNECT_MS);
}

void fake_client_hang_up(struct fake_client *c, uint64_t now_ms)
{
	if (c->conn == 0)
		return;
	if (c->is_online && c->will > 0 && !c->world->is_stopping)
		c->world->ledger.messages[c->will - 1].is_due = true;
	core_client_gone(c->world->core, now_ms, c->conn);
	fake_client_lost(c, now_ms);
}

void fake_client_on_close(struct fake_client *c, uint64_t now_ms)
{
	if (c->role != CLIENT_VANDAL && c->role != CLIENT_DEAF && !c->world->is_stopping &&
	    !c->world->may_close_clients)
		world_wrong(c->world, "the daemon closed the connection of %s", c->id);
	fake_client_hang_up(c, now_ms);
}

static bool read_output(struct fake_client *c, uint64_t now_ms)
{
	struct buf *out = core_client_out(c->world->core, c->conn);
	size_t n = out ? buf_len(out) : 0;

	if (!c->has_output || n == 0 || c->role == CLIENT_DEAF) {
		c->has_output = c->has_output && n > 0;
		return false;
	}
	n = world_chunk(c->world, n, c->world->p.chunk_client);
	if (buf_append(&c->down, buf_data(out), n) < 0)
		buf_clear(&c->down);
	world_hash(c->world, buf_data(out), n);
	buf_consume(out, n);
	core_client_sent(c->world->core, now_ms, c->conn);
	return true;
}

static bool push_input(struct fake_client *c, uint64_t now_ms)
{
	size_t n = buf_len(&c->up);

	if (c->push_ms > now_ms || c->is_paused)
		return false;
	n = world_chunk(c->world, n, c->world->p.chunk_client);
	if (n > 0)
		core_client_rx(c->world->core, now_ms, c->conn, buf_data(&c->up), n);
	buf_consume(&c->up, n);
	/* Mostly at once, sometimes a packet is torn apart. */
	c->push_ms = buf_len(&c->up) == 0             ? UINT64_MAX
		     : prng_chance(&c->world->rng, 2) ? now_ms + prng_range(&c->world->rng, 1, 2000)
						      : now_ms;
	return true;
}

static bool connect_now(struct fake_client *c, uint64_t now_ms)
{
	if (c->connect_ms > now_ms)
		return false;
	c->connect_ms = UINT64_MAX;
	if (c->conn != 0) {
		fake_client_hang_up(c, now_ms);
		return true;
	}
	if (core_client_new(c->world->core, now_ms, 0, &c->conn) < 0) {
		world_wrong(c->world, "%s was not let in", c->id);
		return false;
	}
	put_connect(c);
	return true;
}

bool fake_client_run(struct fake_client *c, uint64_t now_ms)
{
	bool any = connect_now(c, now_ms);

	if (c->conn == 0)
		return any;
	any |= read_output(c, now_ms);
	while (c->conn != 0 && buf_len(&c->down) > 0 && take_packet(c, now_ms))
		any = true;
	if (c->is_online && c->publish_ms <= now_ms) {
		if (c->role == CLIENT_VANDAL)
			vandalise(c, now_ms);
		else if (c->flight_count == CLIENT_FLIGHT_MAX)
			c->publish_ms = now_ms + 500;
		else
			publish(c, now_ms);
		any = true;
	}
	return push_input(c, now_ms) || any;
}

uint64_t fake_client_deadline(const struct fake_client *c)
{
	uint64_t due = c->connect_ms;

	if (c->conn != 0 && c->push_ms < due && !c->is_paused)
		due = c->push_ms;
	if (c->is_online && c->publish_ms < due)
		due = c->publish_ms;
	return due;
}

bool fake_client_is_done(const struct fake_client *c)
{
	return c->left == 0 && c->flight_count == 0 && buf_len(&c->up) == 0;
}

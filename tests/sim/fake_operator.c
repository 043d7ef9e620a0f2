/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/fake_operator.h"

#include "base/limits.h"
#include "bridge/core_query.h"
#include "sim/world.h"

#include <assert.h>
#include <string.h>

#define PIPELINE_MAX 4       /* calls that are made without an answer to those before */
#define FLOOD_CALLS  250     /* the answers are more than the daemon keeps */
#define BLOB_BYTES   1200000 /* more than a message may have */

static uint64_t draw(struct fake_operator *o, uint64_t low, uint64_t high)
{
	return prng_range(&o->world->meddle, low, high);
}

static bool chance(struct fake_operator *o, unsigned permille)
{
	return prng_chance(&o->world->meddle, permille);
}

void fake_operator_init(struct fake_operator *o, struct world *w, enum operator_role role)
{
	*o = (struct fake_operator){
		.world = w,
		.role = role,
		.act_ms = UINT64_MAX,
		.push_ms = UINT64_MAX,
		.has_mended = role != OPERATOR_MEDDLER,
	};
	buf_init(&o->up, 1 << 22);
	buf_init(&o->down, 1 << 22);
	if (!w->p.has_operators || (role == OPERATOR_MEDDLER && w->p.level < SIM_MEDDLING))
		o->is_retired = o->has_mended = true;
	else
		o->act_ms = w->now_ms + draw(o, 0, 30000);
}

void fake_operator_fini(struct fake_operator *o)
{
	buf_fini(&o->up);
	buf_fini(&o->down);
}

/* ---- what it does ---- */

/* More answers than one, or none: not both. */
static void call(struct fake_operator *o, enum operator_kind kind, bool is_more, bool is_oneway)
{
	struct operator_call made;

	if (o->call_count == OPERATOR_CALLS_MAX)
		return;
	is_more = is_more && !is_oneway;
	operator_call_put(o->world, kind, &o->list, is_more, is_oneway, &o->up, &made);
	if (!is_oneway)
		o->calls[o->call_count++] = made;
	if (o->push_ms == UINT64_MAX)
		o->push_ms = o->world->now_ms;
}

/* A reader tries now and then what it may not do. */
static void read_something(struct fake_operator *o)
{
	size_t n = draw(o, 1, PIPELINE_MAX);

	for (size_t i = 0; i < n; i++) {
		bool is_bold = chance(o, 100);
		enum operator_kind kind =
		    is_bold ? (enum operator_kind)draw(o, OPERATOR_CONNECT, OPERATOR_KINDS - 1)
			    : (enum operator_kind)draw(o, 0, OPERATOR_NO_SUCH_METHOD);

		if (kind != OPERATOR_PUBLISH)
			call(o, kind, kind == OPERATOR_LIST_MESSAGES, chance(o, 100));
	}
}

/* One thing after the other: what waits behind a call that waits would not be undone. */
static void meddle(struct fake_operator *o)
{
	if (o->call_count > 0)
		return;
	if (chance(o, 300))
		call(o, OPERATOR_LIST_MESSAGES, true, false);
	else if (o->world->p.has_deadly_commits && chance(o, 700))
		call(o, chance(o, 300) ? OPERATOR_RETRY_MESSAGE : OPERATOR_DROP_MESSAGE, false,
		    false);
	else
		call(o, (enum operator_kind)draw(o, OPERATOR_CONNECT, OPERATOR_KINDS - 1), false,
		    false);
}

/* A stream has no end: whoever has one listens, or does not, and goes some day. */
static void watch(struct fake_operator *o)
{
	if (o->call_count == 0)
		call(o, chance(o, 600) ? OPERATOR_MONITOR : OPERATOR_SUBSCRIBE, true, false);
	else if (chance(o, 300))
		o->act_ms = o->world->now_ms; /* goes */
	else if (chance(o, 500))
		o->deaf_ms = o->world->now_ms + draw(o, 1000, 120000);
}

static void put_text(struct fake_operator *o, const char *text, size_t len)
{
	(void)buf_append(&o->up, text, len);
	o->push_ms = o->world->now_ms;
}

static void put_blob(struct fake_operator *o, char byte, size_t len)
{
	while (len-- > 0)
		(void)buf_append(&o->up, &byte, 1);
	o->push_ms = o->world->now_ms;
}

static void flood(struct fake_operator *o)
{
	static const char request[] =
	    "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
	    "{\"interface\":\"io.cmqttd\"}}";

	for (size_t i = 0; i < FLOOD_CALLS; i++)
		put_text(o, request, sizeof(request));
}

static void vandalise(struct fake_operator *o)
{
	static const char *const texts[] = { "", "{}", "[1]", "nonsense", "{\"method\":5}",
		"{\"method\":\"io.cmqttd.GetStatus\",\"parameters\":[]}",
		"{\"method\":\"GetStatus\"}", "{\"method\":\"io.cmqttd.\",\"more\":1}",
		"{\"method\":\"io.cmqttd.GetStatus\",\"upgrade\":true}",
		"{\"method\":\"io.cmqttd.Monitor\",\"more\":true,\"oneway\":true}" };
	const char *text = texts[draw(o, 0, sizeof(texts) / sizeof(texts[0]) - 1)];

	switch (draw(o, 0, 9)) {
	case 0:
		put_text(o, "{\"method\":\"io.cmqttd.GetSta", 26); /* and no more */
		break;
	case 1:
		put_blob(o, '[', 5000);
		put_text(o, "", 1);
		break;
	case 2:
		if (chance(o, 200))
			flood(o);
		break;
	case 3:
		put_blob(o, (char)draw(o, 1, 255), chance(o, 100) ? BLOB_BYTES : 300);
		break;
	default:
		put_text(o, text, strlen(text) + 1);
		break;
	}
}

/* ---- the connection ---- */

void fake_operator_lost(struct fake_operator *o, uint64_t now_ms)
{
	o->conn = 0;
	o->has_output = false;
	o->push_ms = UINT64_MAX;
	o->deaf_ms = 0;
	o->call_count = 0;
	buf_clear(&o->up);
	buf_clear(&o->down);
	o->act_ms = o->is_retired ? UINT64_MAX : now_ms + draw(o, 100, 20000);
}

static void hang_up(struct fake_operator *o, uint64_t now_ms)
{
	if (o->conn == 0)
		return;
	core_ctl_gone(o->world->core, now_ms, o->conn);
	fake_operator_lost(o, now_ms);
}

/* Who makes whole calls and reads the answers, in the end, is not thrown out. */
void fake_operator_on_close(struct fake_operator *o, uint64_t now_ms)
{
	if (o->role != OPERATOR_VANDAL && !o->world->is_stopping)
		world_wrong(o->world, "the daemon closed the connection of operator %d", o->role);
	hang_up(o, now_ms);
}

static void take_answer(struct fake_operator *o, const char *text, size_t len)
{
	if (o->role == OPERATOR_VANDAL)
		return;
	if (o->call_count == 0) {
		world_wrong(o->world, "an answer to nothing: %.80s", text);
		return;
	}
	if (!operator_call_judge(
		o->world, &o->calls[0], o->role == OPERATOR_MEDDLER, &o->list, text, len))
		return;
	o->call_count--;
	memmove(&o->calls[0], &o->calls[1], o->call_count * sizeof(o->calls[0]));
}

static void take_answers(struct fake_operator *o)
{
	const char *begin, *end;

	while (buf_len(&o->down) > 0) {
		begin = (const char *)buf_data(&o->down);
		end = memchr(begin, '\0', buf_len(&o->down));
		if (!end)
			return;
		take_answer(o, begin, (size_t)(end - begin));
		buf_consume(&o->down, (size_t)(end - begin) + 1);
	}
}

static size_t piece(struct fake_operator *o, size_t n)
{
	size_t chunk = o->world->p.chunk_client;

	if (chunk < n / 16)
		chunk = n / 16;
	return n > chunk ? draw(o, 1, chunk) : n;
}

static bool read_output(struct fake_operator *o, uint64_t now_ms)
{
	struct buf *out = core_ctl_out(o->world->core, o->conn);
	size_t n = out ? buf_len(out) : 0;

	if (!o->has_output || n == 0 || o->deaf_ms > now_ms || o->role == OPERATOR_VANDAL) {
		o->has_output = o->has_output && n > 0;
		return false;
	}
	n = piece(o, n);
	if (buf_append(&o->down, buf_data(out), n) < 0)
		world_wrong(o->world, "an answer without end");
	buf_consume(out, n);
	core_ctl_sent(o->world->core, now_ms, o->conn);
	take_answers(o);
	return true;
}

static bool push_input(struct fake_operator *o, uint64_t now_ms)
{
	size_t n = buf_len(&o->up);

	if (o->push_ms > now_ms || o->conn == 0)
		return false;
	n = piece(o, n);
	if (n > 0)
		core_ctl_rx(o->world->core, now_ms, o->conn, buf_data(&o->up), n);
	buf_consume(&o->up, n);
	o->push_ms = buf_len(&o->up) == 0 ? UINT64_MAX
		     : chance(o, 5)       ? now_ms + draw(o, 1, 2000)
					  : now_ms;
	return true;
}

static void connect_now(struct fake_operator *o, uint64_t now_ms)
{
	const struct ctl_peer peer = {
		.uid = 1000, .pid = 1, .is_admin = o->role == OPERATOR_MEDDLER
	};

	if (core_ctl_new(o->world->core, now_ms, &peer, &o->conn) < 0)
		world_wrong(o->world, "operator %d was not let in", o->role);
	o->act_ms = now_ms + draw(o, 0, 3000);
}

static void act(struct fake_operator *o, uint64_t now_ms)
{
	o->act_ms = now_ms + draw(o, 500, 60000);
	switch (o->role) {
	case OPERATOR_READER:
		read_something(o);
		break;
	case OPERATOR_WATCHER:
		watch(o);
		break;
	case OPERATOR_VANDAL:
		vandalise(o);
		break;
	case OPERATOR_MEDDLER:
		meddle(o);
		break;
	case OPERATOR_ROLES:
		break;
	}
	/* Some day everybody goes, in the middle of whatever it was. */
	if (o->act_ms == now_ms || chance(o, 50))
		hang_up(o, now_ms);
}

static bool is_call_pending(const struct fake_operator *o, enum operator_kind kind)
{
	for (size_t i = 0; i < o->call_count; i++) {
		if (o->calls[i].kind == kind)
			return true;
	}
	return false;
}

/* Retired: no broker is to stay down because somebody took it down by hand. */
static bool mend(struct fake_operator *o, uint64_t now_ms)
{
	if (!o->is_retired || o->has_mended || is_call_pending(o, OPERATOR_DISCONNECT))
		return false;
	for (unsigned i = 0; i < SIM_BROKERS; i++)
		(void)core_broker_connect(o->world->core, now_ms, i);
	o->has_mended = true;
	return true;
}

bool fake_operator_run(struct fake_operator *o, uint64_t now_ms)
{
	bool any = mend(o, now_ms);

	if (o->act_ms <= now_ms && o->conn == 0) {
		connect_now(o, now_ms);
		any = true;
	} else if (o->act_ms <= now_ms) {
		act(o, now_ms);
		any = true;
	}
	if (o->conn == 0)
		return any;
	any |= read_output(o, now_ms);
	return push_input(o, now_ms) || any;
}

uint64_t fake_operator_deadline(const struct fake_operator *o)
{
	uint64_t due_ms = timer_min(o->act_ms, o->push_ms);

	return o->has_output && o->deaf_ms > 0 ? timer_min(due_ms, o->deaf_ms) : due_ms;
}

void fake_operator_retire(struct fake_operator *o, uint64_t now_ms)
{
	o->is_retired = true;
	o->act_ms = UINT64_MAX;
	if (o->role == OPERATOR_WATCHER || o->role == OPERATOR_VANDAL)
		hang_up(o, now_ms);
}

bool fake_operator_is_done(const struct fake_operator *o)
{
	return o->is_retired && o->has_mended && o->call_count == 0 && buf_len(&o->up) == 0;
}

bool fake_operator_drops(const struct world *w, unsigned broker, uint64_t id)
{
	for (size_t k = 0; k < OPERATOR_ROLES; k++) {
		const struct fake_operator *o = &w->operators[k];

		for (size_t i = 0; i < o->call_count; i++) {
			const struct operator_call *c = &o->calls[i];

			if (c->kind == OPERATOR_DROP_MESSAGE && c->id == id &&
			    (c->broker < 0 || c->broker == (int)broker))
				return true;
		}
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "mqtt/mqtt_persist.h"

#include "base/limits.h"
#include "mqtt/mqtt_codec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RETAINED       "$retained"
#define SESSION_PREFIX "client:"
#define PREFIX_LEN     (sizeof(SESSION_PREFIX) - 1)
#define NAME_MAX       (PREFIX_LEN + MQTT_CLIENT_ID_MAX)

/* Keys of a session's properties. */
#define USER        "user"
#define LISTENER    "listener"
#define EXPIRY      "expiry" /* seconds; "never" */

#define NEVER       "never"

#define OPTIONS_MAX 64 /* the text of a subscription's options */

/* The number behind "name=" in a word. false: it is another one. */
static bool read_number(struct span word, const char *name, uint32_t max, uint32_t *ret)
{
	size_t at = strlen(name);
	uint64_t value = 0;

	if (word.len <= at || memcmp(word.data, name, at) != 0)
		return false;
	for (; at < word.len; at++) {
		unsigned digit = (unsigned)word.data[at] - '0';

		value = value * 10 + digit;
		if (digit > 9 || value > max)
			return false;
	}
	*ret = (uint32_t)value;
	return true;
}

int mqtt_persist_init(struct mqtt_persist *p, struct store *store)
{
	*p = (struct mqtt_persist){ .store = store };
	return store ? store->ops->open_queue(store, RETAINED, &p->retained) : 0;
}

unsigned mqtt_persist_take_changes(struct mqtt_persist *p)
{
	unsigned changes = p->changes;

	p->changes = 0;
	return changes;
}

uint64_t mqtt_persist_bytes_max(const struct mqtt_persist *p)
{
	return p->store ? p->store->max_bytes / MQTT_PERSIST_PART : 0;
}

static int put(struct mqtt_persist *p, unsigned queue, enum store_note kind, struct span key,
    struct span value)
{
	int r;

	if (!p->store)
		return 0;
	r = p->store->ops->put_note(p->store, queue, kind, key, value);
	if (r == 0)
		p->changes |= MQTT_CHANGED_NOW;
	return r;
}

/* What is not there need not be removed. */
static int drop(struct mqtt_persist *p, unsigned queue, enum store_note kind, struct span key)
{
	int r;

	if (!p->store)
		return 0;
	r = p->store->ops->drop_note(p->store, queue, kind, key);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		p->changes |= MQTT_CHANGED_NOW;
	return r;
}

int mqtt_persist_open(struct mqtt_persist *p, struct span client_id, struct span user,
    const char *listener, uint32_t expiry_s, unsigned *ret_queue)
{
	char name[NAME_MAX + 1];
	unsigned queue;
	int r;

	snprintf(name, sizeof(name), SESSION_PREFIX "%.*s", (int)client_id.len,
	    (const char *)client_id.data);
	r = p->store->ops->open_queue(p->store, name, &queue);
	if (r < 0)
		return r;
	p->changes |= MQTT_CHANGED_NOW;
	if (user.len > 0)
		r = put(p, queue, STORE_NOTE_SESSION, span_text(USER), user);
	if (r == 0)
		r = mqtt_persist_set_listener(p, queue, listener);
	if (r == 0)
		r = mqtt_persist_set_expiry(p, queue, expiry_s);
	if (r < 0) {
		/* Should this fail, too, it is a session without subscriptions. */
		(void)mqtt_persist_drop(p, queue);
		return r;
	}
	*ret_queue = queue;
	return 0;
}

int mqtt_persist_set_listener(struct mqtt_persist *p, unsigned queue, const char *address)
{
	return put(p, queue, STORE_NOTE_SESSION, span_text(LISTENER), span_text(address));
}

int mqtt_persist_set_expiry(struct mqtt_persist *p, unsigned queue, uint32_t expiry_s)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", (unsigned)expiry_s);
	return put(p, queue, STORE_NOTE_SESSION, span_text(EXPIRY),
	    span_text(expiry_s == MQTT_EXPIRY_NEVER ? NEVER : text));
}

int mqtt_persist_drop(struct mqtt_persist *p, unsigned queue)
{
	int r;

	if (!p->store)
		return 0;
	r = p->store->ops->drop_queue(p->store, queue);
	if (r == 0)
		p->changes |= MQTT_CHANGED_NOW;
	return r;
}

/* "qos=1 no_local retain_as_published id=7": what people can read, and what later versions can add
 * to. */
static void write_options(const struct subs_options *options, char text[OPTIONS_MAX])
{
	int n = snprintf(text, OPTIONS_MAX, "qos=%u%s%s", options->qos,
	    options->no_local ? " no_local" : "",
	    options->retain_as_published ? " retain_as_published" : "");

	if (options->id > 0)
		snprintf(text + n, OPTIONS_MAX - (size_t)n, " id=%u", (unsigned)options->id);
}

/* Words that are not known are left out. */
static struct subs_options read_options(struct span text)
{
	struct subs_options options = { 0 };
	uint32_t qos = 0;

	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, ' ', text.len);
		struct span word = { text.data, end ? (size_t)(end - text.data) : text.len };

		if (span_is(word, "no_local"))
			options.no_local = true;
		else if (span_is(word, "retain_as_published"))
			options.retain_as_published = true;
		else if (!read_number(word, "qos=", 2, &qos))
			read_number(word, "id=", UINT32_MAX, &options.id);
		text.data += word.len + (end ? 1 : 0);
		text.len -= word.len + (end ? 1 : 0);
	}
	options.qos = (uint8_t)qos;
	return options;
}

int mqtt_persist_subscribe(
    struct mqtt_persist *p, unsigned queue, struct span filter, const struct subs_options *options)
{
	char text[OPTIONS_MAX];

	write_options(options, text);
	return put(p, queue, STORE_NOTE_SUBSCRIPTION, filter, span_text(text));
}

int mqtt_persist_unsubscribe(struct mqtt_persist *p, unsigned queue, struct span filter)
{
	return drop(p, queue, STORE_NOTE_SUBSCRIPTION, filter);
}

int mqtt_persist_received(struct mqtt_persist *p, unsigned queue, uint16_t packet_id)
{
	char key[8];

	snprintf(key, sizeof(key), "%u", packet_id);
	return put(p, queue, STORE_NOTE_RECEIVED, span_text(key), (struct span){ 0 });
}

int mqtt_persist_forgotten(struct mqtt_persist *p, unsigned queue, uint16_t packet_id)
{
	char key[8];

	snprintf(key, sizeof(key), "%u", packet_id);
	return drop(p, queue, STORE_NOTE_RECEIVED, span_text(key));
}

int mqtt_persist_released(struct mqtt_persist *p, unsigned queue, uint64_t seq)
{
	int r = p->store->ops->mark(p->store, queue, seq, 0, STORE_RELEASED);

	if (r == -ENOENT)
		return 0; /* it will not come back, either */
	if (r == 0)
		p->changes |= MQTT_CHANGED_NOW;
	return r;
}

void mqtt_persist_commit_begins(struct mqtt_persist *p)
{
	p->is_committing = true;
}

void mqtt_persist_commit_ended(struct mqtt_persist *p)
{
	p->is_committing = false;
	for (size_t i = 0; i < p->removal_count; i++) {
		const struct mqtt_removal *r = &p->removals[i];

		mqtt_persist_remove(p, r->queue, r->seq, r->change);
	}
	p->removal_count = 0;
}

void mqtt_persist_remove(struct mqtt_persist *p, unsigned queue, uint64_t seq, unsigned change)
{
	if (p->is_committing && p->removal_count < MQTT_PERSIST_REMOVALS_MAX)
		p->removals[p->removal_count++] = (struct mqtt_removal){ seq, queue, change };
	else if (p->store->ops->remove(p->store, queue, seq) == 0)
		p->changes |= change;
}

int mqtt_persist_add(struct mqtt_persist *p, const struct store_target *target, struct span payload,
    int64_t accepted_ms, uint64_t *ret_seq)
{
	uint64_t seq = p->store->ops->last_seq(p->store) + 1;
	int r = p->store->ops->add(p->store, seq, accepted_ms, payload, target, 1);

	if (r < 0)
		return r;
	p->changes |= MQTT_CHANGED_NOW;
	*ret_seq = seq;
	return 0;
}

bool mqtt_persist_next_session(struct mqtt_persist *p, int *queue, struct span *ret_client_id)
{
	const char *name;
	unsigned found;

	while (p->store && p->store->ops->next_queue(p->store, *queue, &found, &name)) {
		*queue = (int)found;
		if (strncmp(name, SESSION_PREFIX, PREFIX_LEN) != 0)
			continue;
		*ret_client_id = span_text(name + PREFIX_LEN);
		return true;
	}
	return false;
}

static struct span read_property(struct mqtt_persist *p, unsigned queue, const char *name)
{
	struct span key = { 0 }, value;

	while (p->store->ops->next_note(p->store, queue, STORE_NOTE_SESSION, key, &key, &value)) {
		if (span_is(key, name))
			return value;
	}
	return (struct span){ 0 };
}

struct span mqtt_persist_user(struct mqtt_persist *p, unsigned queue)
{
	return read_property(p, queue, USER);
}

struct span mqtt_persist_listener(struct mqtt_persist *p, unsigned queue)
{
	return read_property(p, queue, LISTENER);
}

uint32_t mqtt_persist_expiry(struct mqtt_persist *p, unsigned queue)
{
	struct span text = read_property(p, queue, EXPIRY);
	uint32_t expiry_s;

	if (read_number(text, "", UINT32_MAX - 1, &expiry_s))
		return expiry_s;
	return span_is(text, NEVER) ? MQTT_EXPIRY_NEVER : 0;
}

bool mqtt_persist_next_subscription(
    struct mqtt_persist *p, unsigned queue, struct span *filter, struct subs_options *ret_options)
{
	struct span value;

	if (!p->store->ops->next_note(
		p->store, queue, STORE_NOTE_SUBSCRIPTION, *filter, filter, &value))
		return false;
	*ret_options = read_options(value);
	return true;
}

bool mqtt_persist_next_received(
    struct mqtt_persist *p, unsigned queue, struct span *key, uint16_t *ret_packet_id)
{
	struct span value;
	uint32_t id;

	while (p->store->ops->next_note(p->store, queue, STORE_NOTE_RECEIVED, *key, key, &value)) {
		if (!read_number(*key, "", UINT16_MAX, &id) || id == 0)
			continue;
		*ret_packet_id = (uint16_t)id;
		return true;
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the local MQTT server outlives the process: dialogues in which the server is killed
 * without goodbye and started again on what was committed; once on a store in memory that forgets
 * the rest, once on SQLite.
 *
 * Dialogues are those of mqtt_dialogue.h, and these lines:
 *   k         the process is killed, and another one is started on the same store
 *   f on|off  commits fail from now on, or not
 *   F on|off  the store takes no notes and drops nothing, or does
 *   d TEXT    what is in the store: see dump
 * Lines with another listener than 0 and with failures are for the store in memory alone.
 */
#include "../../daemon/store_sqlite.h"
#include "mqtt_dialogue.h"
#include "mqtt_listeners.h"
#include "undo_store.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define MAX_BYTES 1000000

#define KEEP_A    "0> 10 { s'MQTT' 04 00 0000 s'a' }"
#define CLEAN_A   "0> 10 { s'MQTT' 04 02 0000 s'a' }"
#define HELLO_A   "0< 20020000"
#define AGAIN_A   "0< 20020100"
#define CLEAN_B   "1> 10 { s'MQTT' 04 02 0000 s'b' }"
#define KEEP_B    "1> 10 { s'MQTT' 04 00 0000 s'b' }"
#define HELLO_B   "1< 20020000"
#define AGAIN_B   "1< 20020100"
#define KEEP_C    "2> 10 { s'MQTT' 04 00 0000 s'c' }"
#define HELLO_C   "2< 20020000"
/* a subscribes at QoS 2 */
#define SUB_A    "0> 82 { 0001 s't' 02 }"
#define SUBBED_A "0< 90 { 0001 02 }"

static const struct dialogue {
	const char *name;
	bool is_memory_only;
	const char *lines[26];
} dialogues[] = {
	/* ---- sessions and subscriptions ---- */
	{ "a session and its subscription", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, "k", KEEP_A, AGAIN_A, CLEAN_B, HELLO_B,
		"1> 30 { s't' 'x' }", "0< 30 { s't' 'x' }" } },
	{ "a clean session leaves nothing", false,
	    { CLEAN_A, HELLO_A, SUB_A, SUBBED_A, CLEAN_B, HELLO_B, "1> 32 { s't' 0001 'x' }",
		"1< 40020001", "0< 32 { s't' 0001 'x' }", "d $retained[]", "k", KEEP_A, HELLO_A } },
	{ "what is in the store of a session", false,
	    { KEEP_A, HELLO_A, "0> 82 { 0001 s't/#' 01 s'+' 02 }", "0< 90 { 0001 0102 }", CLEAN_B,
		HELLO_B, "0x", "1> 34 { s't/1' 0007 'x' } 34 { s'u' 0008 'yy' }",
		"1< 50020007 50020008",
		"d $retained[] client:a[expiry=never listener=open +:qos=2 t/#:qos=1 t/1@1/1 "
		"u@2/2]",
		KEEP_A, "0< 20020100 32 { s't/1' 0001 'x' } 34 { s'u' 0002 'yy' }", "0> 50020002",
		"0< 62020002",
		"d $retained[] client:a[expiry=never listener=open +:qos=2 t/#:qos=1 t/1@1/1 "
		"u@2/2*]",
		"0> 40020001 70020002",
		"d $retained[] client:a[expiry=never listener=open +:qos=2 t/#:qos=1]" } },
	{ "SUBACK waits for the commit", false,
	    { KEEP_A, HELLO_A, "c off", SUB_A, "0<", "k", "c on", CLEAN_B, HELLO_B, KEEP_A, AGAIN_A,
		"1> 30 { s't' 'x' }", "0<", SUB_A, SUBBED_A } },
	{ "UNSUBACK waits for the commit", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, "c off", "0> a2 { 0002 s't' }", "0<", "k", "c on",
		KEEP_A, AGAIN_A, CLEAN_B, HELLO_B, "1> 30 { s't' 'x' }", "0< 30 { s't' 'x' }",
		"0> a2 { 0003 s't' }", "0< b0020003", "k", KEEP_A, AGAIN_A, CLEAN_B, HELLO_B,
		"1> 30 { s't' 'x' }", "0<" } },
	{ "a clean session ends the one before", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, "0x", CLEAN_A, HELLO_A, "d $retained[]", "k",
		KEEP_A, HELLO_A } },
	{ "CONNACK waits until that is durable, and comes first [MQTT-3.2.0-1]", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, "0x", CLEAN_B, HELLO_B, "c off",
		"0> 10 { s'MQTT' 04 02 0000 s'a' } 82 { 0001 s't' 00 } c000 30 { s't' 'x' }",
		"1> 30 { s't' 'y' }", "0<", "c on", "t 0",
		"0< 20020000 90 { 0001 00 } d000 30 { s't' 'x' } 30 { s't' 'y' }" } },
	{ "... otherwise it comes back", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, "0x", "c off", CLEAN_A, "0<", "k", "c on", KEEP_A,
		AGAIN_A } },
	{ "MQTT 5.0: a session that ends is gone", false,
	    { "0> 10 { s'MQTT' 05 02 0000 05 11 00000064 s'a' }",
		"0< 20 { 00 00 0d 21 0400 27 00040000 22 0010 2a 00 }",
		"d $retained[] client:a[expiry=100 listener=open]", "k",
		"d $retained[] client:a[expiry=100 listener=open]", "t 99999",
		"d $retained[] client:a[expiry=100 listener=open]", "t 1", "d $retained[]" } },
	{ "MQTT 5.0: DISCONNECT shortens it", false,
	    { "0> 10 { s'MQTT' 05 02 0000 05 11 00000064 s'a' }",
		"0< 20 { 00 00 0d 21 0400 27 00040000 22 0010 2a 00 }",
		"0> e0 { 00 05 11 00000000 }", "0! NORMAL", "d $retained[]" } },
	{ "MQTT 5.0: one that was to end with the connection has ended", false,
	    { KEEP_A, HELLO_A, "0x", "0> 10 { s'MQTT' 05 00 0000 00 s'a' }",
		"0< 20 { 01 00 0d 21 0400 27 00040000 22 0010 2a 00 }",
		"d $retained[] client:a[expiry=0 listener=open]", "k", "d $retained[]", KEEP_A,
		HELLO_A } },
	{ "MQTT 5.0: options and identifiers of a subscription, properties of a message", false,
	    { "0> 10 { s'MQTT' 05 02 0000 05 11 00000064 s'a' }",
		"0< 20 { 00 00 0d 21 0400 27 00040000 22 0010 2a 00 }",
		"0> 82 { 0001 02 0b 07 s't' 0d }", "0< 90 { 0001 00 01 }",
		"1> 10 { s'MQTT' 05 02 0000 00 s'b' }",
		"1< 20 { 00 00 0d 21 0400 27 00040000 22 0010 2a 00 }", "0x",
		"1> 33 { s't' 0001 0c 26 s'k' s'v' 02 0000000a 'x' }", "1< 40020001",
		"d $retained[t@0/1r] client:a[expiry=100 listener=open "
		"t:qos=1,no_local,retain_as_published,id=7 t@1/1r]",
		"t 4000", "k", "0> 10 { s'MQTT' 05 00 0000 05 11 00000064 s'a' }",
		"0< 20 { 01 00 0d 21 0400 27 00040000 22 0010 2a 00 } "
		"3b { s't' 0001 0e 02 00000006 0b 07 26 s'k' s'v' 'x' }" } },

	/* ---- while a commit is under way ---- */
	{ "what does not change the store goes on", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, CLEAN_B, HELLO_B, "c slow",
		"0> 82 { 0002 s'u' 00 }", "0<", "1> 30 { s't' 'x' } 32 { s'v' 0001 'x' } c000",
		"0< 30 { s't' 'x' }", "1< d000", "2> 10 { s'MQTT' 04 02 0000 s'c' }", "2< 20020000",
		"2> 82 { 0001 s't' 01 }", "2< 90 { 0001 01 }", "c end", "0< 90 { 0002 00 }",
		"1< 40020001" } },
	{ "what does waits", false,
	    { KEEP_A, HELLO_A, KEEP_B, HELLO_B, "c slow", SUB_A, "0<",
		"1> 82 { 0001 s'u' 00 } c000", "1<", "2> 10 { s'MQTT' 04 00 0000 s'c' } c000", "2<",
		"d $retained[] client:a[expiry=never listener=open t:qos=2] "
		"client:b[expiry=never listener=open]",
		"c end", SUBBED_A, "1< d000 90 { 0001 00 }", "2< 20020000 d000" } },
	{ "QoS 2 of a session in the store waits, and is remembered", false,
	    { KEEP_A, HELLO_A, KEEP_B, HELLO_B, "c slow", SUB_A, "1> 34 { s'u' 0001 'x' }", "n 0",
		"c end", SUBBED_A, "1< 50020001", "n 1", "k", KEEP_B, AGAIN_B,
		"1> 3c { s'u' 0001 'x' }", "1< 50020001", "n 1" } },
	{ "what was acknowledged leaves the store afterwards", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, CLEAN_B, HELLO_B, "1> 32 { s't' 0001 'x' }",
		"1< 40020001", "0< 32 { s't' 0001 'x' }", KEEP_C, HELLO_C, "c slow",
		"2> 82 { 0001 s'u' 00 }", "0> 40020001",
		"d $retained[] client:a[expiry=never listener=open t:qos=2 t@1/1] "
		"client:c[expiry=never listener=open u:qos=0]",
		"c end", "2< 90 { 0001 00 }",
		"d $retained[] client:a[expiry=never listener=open t:qos=2] "
		"client:c[expiry=never listener=open u:qos=0]" } },
	{ "a commit that is cut off promised nothing", false,
	    { KEEP_A, HELLO_A, "c slow", SUB_A, "0<", "k", KEEP_A, AGAIN_A,
		"d $retained[] client:a[expiry=never listener=open]" } },

	/* ---- messages for subscribers ---- */
	{ "what an absent client is to get", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, "0x", CLEAN_B, HELLO_B,
		"1> 30 { s't' '0' } 32 { s't' 0001 '1' } 34 { s't' 0002 '2' }",
		"1< 40020001 50020002", "k", KEEP_A,
		"0< 20020100 3a { s't' 0001 '1' } 3c { s't' 0002 '2' }" } },
	{ "what is in flight is sent again, in order, under its identifiers [MQTT-4.4.0-1]", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, CLEAN_B, HELLO_B,
		"1> 32 { s't' 0001 '1' } 34 { s't' 0002 '2' } 34 { s't' 0003 '3' } 32 { s't' 0004 "
		"'4' }",
		"1< 40020001 50020002 50020003 40020004",
		"0< 32 { s't' 0001 '1' } 34 { s't' 0002 '2' } 34 { s't' 0003 '3' } 32 { s't' 0004 "
		"'4' }",
		"0> 50020003 40020001", "0< 62020003", "k", KEEP_A,
		"0< 20020100 3c { s't' 0002 '2' } 3a { s't' 0004 '4' } 62020003",
		"0> 70020003 40020004 50020002", "0< 62020002", "k", KEEP_A, "0< 20020100 62020002",
		CLEAN_B, HELLO_B, "1> 32 { s't' 0001 '5' }", "1< 40020001",
		"0< 32 { s't' 0003 '5' }" } },
	{ "PUBREL waits until the message will not be sent again", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, CLEAN_B, HELLO_B, "1> 34 { s't' 0001 '1' }",
		"1< 50020001", "0< 34 { s't' 0001 '1' }", "c off", "0> 50020001", "0<", "0x",
		KEEP_A, "0< 20020100", "c on", "t 0", "0< 62020001" } },
	{ "... otherwise it is", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, CLEAN_B, HELLO_B, "1> 34 { s't' 0001 '1' }",
		"1< 50020001", "0< 34 { s't' 0001 '1' }", "c off", "0> 50020001", "0<", "k", "c on",
		KEEP_A, "0< 20020100 3c { s't' 0001 '1' }" } },
	{ "QoS 2 is not sent before it is durable: the client would remember the identifier", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, CLEAN_B, HELLO_B, "c off",
		"1> 32 { s't' 0001 '1' } 34 { s't' 0002 '2' } 32 { s't' 0003 '3' }", "1<",
		"0< 32 { s't' 0001 '1' }", "c on", "t 0", "1< 40020001 50020002 40020003",
		"0< 34 { s't' 0002 '2' } 32 { s't' 0003 '3' }" } },
	{ "PUBACK waits for what absent clients get", false,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, "0x", CLEAN_B, HELLO_B, "f on",
		"1> 32 { s't' 0001 '1' }", "1<", "t 1000", "1<", "f off", "t 1000",
		"1< 40020001" } },

	/* ---- QoS 2 from publishers ---- */
	{ "a repeated PUBLISH is not taken for a new one [MQTT-4.3.3-2]", false,
	    { KEEP_B, HELLO_B, "1> 34 { s't' 0001 'x' }", "1< 50020001", "n 1", "k", KEEP_B,
		AGAIN_B, "1> 3c { s't' 0001 'x' }", "1< 50020001", "n 1", "1> 62020001",
		"1< 70020001", "1> 34 { s't' 0001 'y' }", "1< 50020001", "n 2" } },
	{ "PUBREC waits for the commit", false,
	    { KEEP_B, HELLO_B, "c off", "1> 34 { s't' 0001 'x' }", "1<", "n 1", "k", "c on", KEEP_B,
		AGAIN_B, "1> 3c { s't' 0001 'x' }", "1< 50020001", "n 2" } },
	{ "PUBCOMP waits for the commit", false,
	    { KEEP_B, HELLO_B, "1> 34 { s't' 0001 'x' }", "1< 50020001", "c off", "1> 62020001",
		"1<", "k", "c on", KEEP_B, AGAIN_B, "1> 62020001", "1< 70020001", "k", KEEP_B,
		AGAIN_B, "1> 34 { s't' 0001 'y' }", "1< 50020001", "n 2" } },

	/* ---- retained ---- */
	{ "what is retained; the newer one in place of the older", false,
	    { CLEAN_B, HELLO_B,
		"1> 33 { s'r' 0001 'old' } 33 { s'r' 0002 'new' } 31 { s'q' '0' } 33 { s'x' 0003 "
		"'x' "
		"} 33 { s'x' 0004 }",
		"1< 40020001 40020002 40020003 40020004", "d $retained[r@0/1r q@0/0r]", "k",
		CLEAN_A, HELLO_A, "0> 82 { 0001 s'#' 01 }",
		"0< 90 { 0001 01 } 33 { s'r' 0001 'new' } 31 { s'q' '0' }" } },
	{ "that it was removed waits for the commit", false,
	    { CLEAN_B, HELLO_B, "1> 33 { s'r' 0001 'x' }", "1< 40020001", "c off",
		"1> 33 { s'r' 0002 }", "1<", "k", "c on", "d $retained[r@0/1r]", CLEAN_B, HELLO_B,
		"1> 33 { s'r' 0002 }", "1< 40020002", "d $retained[]" } },
	{ "a copy for who subscribed", false,
	    { CLEAN_B, HELLO_B, "1> 33 { s'r' 0001 'x' }", "1< 40020001", KEEP_A, HELLO_A,
		"0> 82 { 0001 s'r' 01 }", "0< 33 { s'r' 0001 'x' } 90 { 0001 01 }", "k",
		"d $retained[r@0/1r] client:a[expiry=never listener=open r:qos=1 r@1/1r]", KEEP_A,
		"0< 20020100 3b { s'r' 0001 'x' }", "0> 40020001", CLEAN_B, HELLO_B,
		"1> 32 { s'r' 0001 'y' }", "1< 40020001", "0< 32 { s'r' 0002 'y' }" } },

	/* ---- whose it is ---- */
	{ "a session is its user's", true,
	    { "0o 1", "0> 10 { s'MQTT' 04 c0 0000 s'a' s'ann' s'secret' }", HELLO_A, "0x",
		"d $retained[] client:a[expiry=never listener=users user=ann]", "k", "0o 2", KEEP_A,
		HELLO_A, "0x", "d $retained[] client:a[expiry=never listener=both]", "0o 1",
		"0> 10 { s'MQTT' 04 c0 0000 s'a' s'ann' s'secret' }", HELLO_A } },
	{ "its rights are those of user and listener", true,
	    { "0o 1", "0> 10 { s'MQTT' 04 c0 0000 s'a' s'ann' s'secret' }", HELLO_A,
		"0> 82 { 0001 s'#' 01 }", "0< 90 { 0001 01 }", "k", CLEAN_B, HELLO_B,
		"1> 32 { s'site/1' 0001 'x' } 32 { s'other' 0002 'x' }", "1< 40020001 40020002",
		"0o 1", "0> 10 { s'MQTT' 04 c0 0000 s'a' s'ann' s'secret' }",
		"0< 20020100 32 { s'site/1' 0001 'x' }" } },
	{ "on another listener it has others", true,
	    { KEEP_A, HELLO_A, "0x", "0o 2", KEEP_A, AGAIN_A,
		"d $retained[] client:a[expiry=never listener=both]" } },

	/* ---- a store that fails ---- */
	{ "no CONNACK that promises a session", true,
	    { "F on", KEEP_A, "0< 20020003", "0! REFUSED", "F off", KEEP_A, HELLO_A } },
	{ "no SUBACK that promises a subscription", true,
	    { KEEP_A, HELLO_A, "F on", SUB_A, "0< 90 { 0001 80 }", "F off", CLEAN_B, HELLO_B,
		"1> 30 { s't' 'x' }", "0<", SUB_A, SUBBED_A } },
	{ "no UNSUBACK, no PUBCOMP, no PUBREC", true,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, "F on", "0> a2 { 0002 s't' }", "0<", "0! STORE",
		"F off", KEEP_A, AGAIN_A, "0> 34 { s'x' 0001 }", "0< 50020001", "F on",
		"0> 62020001", "0<", "0! STORE", "F off", KEEP_A, AGAIN_A, "0> 62020001",
		"0< 70020001", "F on", "0> 34 { s'x' 0002 }", "0<", "0! STORE" } },
	{ "no clean session where the old one cannot be ended", true,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, "0x", "F on", CLEAN_A, "0< 20020003", "F off",
		"t 1000", "d $retained[]" } },
	{ "no PUBREL", true,
	    { KEEP_A, HELLO_A, SUB_A, SUBBED_A, CLEAN_B, HELLO_B, "1> 34 { s't' 0001 '1' }",
		"1< 50020001", "0< 34 { s't' 0001 '1' }", "F on", "0> 50020001", "0<", "0! STORE",
		"F off", KEEP_A, "0< 20020100 3c { s't' 0001 '1' }" } },
};

/* ---- the two stores ---- */

struct place {
	struct undo_store undo;
	struct store_ops ops; /* of the undo store, some failing at will */
	bool is_sqlite;
	unsigned lives;
	char path[64];
};

static bool fails;
static const struct store_ops *undo_ops;

static int fail_open_queue(struct store *s, const char *name, unsigned *ret_queue)
{
	return fails ? -EIO : undo_ops->open_queue(s, name, ret_queue);
}

static int fail_drop_queue(struct store *s, unsigned queue)
{
	return fails ? -EIO : undo_ops->drop_queue(s, queue);
}

static int fail_put_note(
    struct store *s, unsigned queue, enum store_note kind, struct span key, struct span value)
{
	return fails ? -EIO : undo_ops->put_note(s, queue, kind, key, value);
}

static int fail_drop_note(struct store *s, unsigned queue, enum store_note kind, struct span key)
{
	return fails ? -EIO : undo_ops->drop_note(s, queue, kind, key);
}

static int fail_mark(
    struct store *s, unsigned queue, uint64_t seq, uint8_t tries, enum store_state state)
{
	return fails ? -EIO : undo_ops->mark(s, queue, seq, tries, state);
}

static const char *const suffixes[] = { "", "-wal", "-shm" };

static struct store *open_sqlite(struct place *p)
{
	const struct store_sqlite_options options = {
		.path = p->path,
		.max_bytes = MAX_BYTES,
		.is_normal_durability = true,
	};
	char error[STORE_SQLITE_TEXT_MAX] = "";
	struct store *s = NULL;

	if (store_sqlite_open(&options, &s, error) < 0)
		fail_msg("%s", error);
	return s;
}

static void remove_files(const char *path)
{
	char name[80];

	for (size_t i = 0; i < COUNT(suffixes); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

static void name_file(struct place *p)
{
	p->lives++;
	snprintf(p->path, sizeof(p->path), "/tmp/cmqttd-persist-%d-%u.db", (int)getpid(), p->lives);
	remove_files(p->path); /* of a process of the same number that was killed */
}

static void copy_file(const char *from, const char *to, const char *suffix)
{
	char name[80];
	uint8_t bytes[4096];
	FILE *in, *out;
	size_t n;

	snprintf(name, sizeof(name), "%s%s", from, suffix);
	in = fopen(name, "rb");
	snprintf(name, sizeof(name), "%s%s", to, suffix);
	out = fopen(name, "wb");
	assert_true(in && out);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	assert_int_equal(fclose(in) | fclose(out), 0);
}

static struct store *place_open(struct place *p, bool is_sqlite)
{
	*p = (struct place){ .is_sqlite = is_sqlite };
	fails = false;
	if (is_sqlite) {
		name_file(p);
		return open_sqlite(p);
	}
	undo_store_init(&p->undo, MAX_BYTES);
	undo_ops = p->undo.base.ops;
	p->ops = *undo_ops;
	p->ops.open_queue = fail_open_queue;
	p->ops.drop_queue = fail_drop_queue;
	p->ops.put_note = fail_put_note;
	p->ops.drop_note = fail_drop_note;
	p->ops.mark = fail_mark;
	p->undo.base.ops = &p->ops;
	return &p->undo.base;
}

static void place_close(struct place *p, struct store *s)
{
	store_free(s);
	if (p->is_sqlite)
		remove_files(p->path);
	else
		undo_store_fini(&p->undo);
}

static void kill_and_start(struct world *w, struct place *p)
{
	char old[sizeof(p->path)];

	world_kill(w);
	if (p->is_sqlite) {
		/* What is in the files now is what a killed process leaves. */
		memcpy(old, p->path, sizeof(old));
		name_file(p);
		copy_file(old, p->path, "");
		copy_file(old, p->path, "-wal");
		store_free(w->store);
		remove_files(old);
		w->store = open_sqlite(p);
	} else {
		undo_store_crash(&p->undo);
	}
	assert_true(world_start(w));
}

/* ---- what is there ---- */

struct text {
	char text[1024];
	size_t len;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(t->text + t->len, sizeof(t->text) - t->len, format, ap);
	va_end(ap);
	assert_true(n >= 0 && (size_t)n < sizeof(t->text) - t->len);
	t->len += (size_t)n;
}

static void put_notes(struct text *t, struct store *s, unsigned queue, enum store_note kind,
    const char *between, const char *before)
{
	struct span key = { 0 }, value;

	while (s->ops->next_note(s, queue, kind, key, &key, &value)) {
		char text[64];

		snprintf(text, sizeof(text), "%.*s", (int)value.len, (const char *)value.data);
		for (char *c = text; *c; c++)
			*c = *c == ' ' ? ',' : *c;
		put(t, " %s%.*s%s%s", before, (int)key.len, (const char *)key.data,
		    value.len ? between : "", text);
	}
}

/* "NAME[PROPERTY=VALUE FILTER:OPTIONS !RECEIVED TOPIC@IDENTIFIER/QOS]" for each queue; options with
 * commas; behind a message "*": released, "r": retained. */
static void dump(struct store *s, struct text *t)
{
	const char *name;
	unsigned queue;
	int after = -1;

	t->len = 0;
	t->text[0] = '\0';
	while (s->ops->next_queue(s, after, &queue, &name)) {
		struct store_entry e = { 0 };
		size_t start;

		after = (int)queue;
		if (strcmp(name, "$clock") == 0)
			continue;
		put(t, "%s%s[", t->len ? " " : "", name);
		start = t->len;
		put_notes(t, s, queue, STORE_NOTE_SESSION, "=", "");
		put_notes(t, s, queue, STORE_NOTE_SUBSCRIPTION, ":", "");
		put_notes(t, s, queue, STORE_NOTE_RECEIVED, "", "!");
		while (s->ops->next(s, queue, false, e.seq, &e))
			put(t, " %.*s@%u/%u%s%s", (int)e.topic.len, (const char *)e.topic.data,
			    e.packet_id, e.qos, e.retain ? "r" : "",
			    e.state == STORE_RELEASED ? "*" : "");
		if (t->len > start) {
			memmove(t->text + start, t->text + start + 1, t->len - start);
			t->len--;
		}
		put(t, "]");
	}
}

static void play(struct world *w, struct place *p, const char *line)
{
	struct text found;

	switch (line[0]) {
	case 'k':
		kill_and_start(w, p);
		break;
	case 'f':
		p->undo.fails = strcmp(line + 2, "on") == 0;
		break;
	case 'F':
		fails = strcmp(line + 2, "on") == 0;
		break;
	case 'd':
		dump(w->store, &found);
		if (strcmp(found.text, line + 2) != 0)
			fail_msg("line \"%s\", but \"%s\"", line, found.text);
		break;
	default:
		dialogue_say(w, line);
	}
}

static bool needs_memory(const struct dialogue *d)
{
	bool needs = d->is_memory_only;

	for (size_t i = 0; i < COUNT(d->lines) && d->lines[i]; i++)
		needs |= d->lines[i][0] == 'f';
	return needs;
}

static void play_all(bool is_sqlite)
{
	for (size_t d = 0; d < COUNT(dialogues); d++) {
		struct place p;
		struct world w;

		if (is_sqlite && needs_memory(&dialogues[d]))
			continue;
		print_message("%s\n", dialogues[d].name);
		assert_true(world_init_stored(&w, mqtt_listeners, 3, place_open(&p, is_sqlite)));
		for (size_t i = 0; i < COUNT(dialogues[d].lines) && dialogues[d].lines[i]; i++)
			play(&w, &p, dialogues[d].lines[i]);
		for (size_t i = 0; i < WORLD_CLIENTS; i++)
			dialogue_expect(&w, i, "", "(end)");
		world_fini(&w);
		place_close(&p, w.store);
	}
}

static void test_dialogues_in_memory(void **state)
{
	(void)state;
	play_all(false);
}

static void test_dialogues_on_disk(void **state)
{
	(void)state;
	play_all(true);
}

/* ---- bounds ---- */

static void start_memory(struct world *w, struct place *p, uint64_t max_bytes)
{
	struct store *s = place_open(p, false);

	s->max_bytes = max_bytes;
	assert_true(world_init_stored(w, mqtt_listeners, 3, s));
}

static void stop(struct world *w, struct place *p)
{
	world_fini(w);
	place_close(p, w->store);
}

/* Local copies get a quarter of the store: beyond it who is absent misses messages, who is
 * connected does not. */
static void test_bytes_max(void **state)
{
	struct place p;
	struct world w;
	struct store_usage total;

	(void)state;
	start_memory(&w, &p, 40000);
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, SUB_A);
	dialogue_say(&w, "0x");
	dialogue_say(&w, CLEAN_B);
	for (int i = 0; i < 30; i++)
		dialogue_say(&w, "1> 32 { s't' 0001 'x'*1000 }");
	w.store->ops->total(w.store, &total);
	assert_int_equal(total.messages, 9);
	assert_true(total.bytes <= 10000);
	assert_int_equal(mqtt_server_counters(w.server)->dropped[MQTT_DROP_QUEUE], 21);
	/* Nor is there room for what is retained: the one before goes as well. */
	dialogue_say(&w, "1> 33 { s'r' 0001 'x'*1000 }");
	assert_int_equal(mqtt_server_counters(w.server)->dropped[MQTT_DROP_RETAINED], 1);
	buf_clear(&w.clients[0].seen);
	buf_clear(&w.clients[1].seen);

	dialogue_say(&w, KEEP_A);
	buf_clear(&w.clients[0].seen);
	dialogue_say(&w, "1> 34 { s't' 0002 'y'*1000 }");
	dialogue_say(&w, "1< 50020002");
	dialogue_say(&w, "0< 32 { s't' 000a 'y'*1000 }"); /* at QoS 1 */
	w.store->ops->total(w.store, &total);
	assert_int_equal(total.messages, 9);
	dialogue_say(&w, "0> 40020001 40020002 4002000a");
	dialogue_say(&w, "1> 34 { s't' 0003 'z' }");
	dialogue_say(&w, "0< 34 { s't' 000b 'z' }");
	stop(&w, &p);
}

/* What does not fit any more after a restart is dropped from the store, too. */
static void test_queue_max(void **state)
{
	static struct store_target target;
	struct place p;
	struct world w;
	struct store_usage usage;
	unsigned queue = 1;

	(void)state;
	start_memory(&w, &p, UINT32_MAX);
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, "0x");
	target =
	    (struct store_target){ .queue = queue, .topic = { (const uint8_t *)"t", 1 }, .qos = 1 };
	for (unsigned i = 1; i <= MQTT_QUEUE_MAX + MQTT_INFLIGHT_MAX + 5; i++) {
		target.packet_id = (uint16_t)i;
		assert_int_equal(
		    w.store->ops->add(w.store, i, 0, (struct span){ 0 }, &target, 1), 0);
	}
	assert_int_equal(w.store->ops->commit(w.store), 0);
	kill_and_start(&w, &p);
	w.store->ops->usage(w.store, queue, &usage);
	assert_int_equal(usage.messages, MQTT_QUEUE_MAX + MQTT_INFLIGHT_MAX);
	assert_int_equal(mqtt_server_counters(w.server)->dropped[MQTT_DROP_QUEUE], 5);
	assert_int_equal(mqtt_server_take_changes(w.server), MQTT_CHANGED_LATER);
	stop(&w, &p);
}

/* A session has the rights of the listener with its address, at whatever place that is after a
 * reload; without it, none. */
static void test_listeners_change(void **state)
{
	static const struct mqtt_listener other = { .address = "other", .allow_anonymous = true };
	struct mqtt_listener moved[2];
	struct place p;
	struct world w;
	struct store_usage usage;

	(void)state;
	start_memory(&w, &p, UINT32_MAX);
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, "0> 82 { 0001 s't' 01 }");
	dialogue_say(&w, "0x");
	moved[0] = other;
	moved[1] = w.listeners[0];
	mqtt_server_set_listeners(w.server, w.now_ms, &other, 1);
	dialogue_say(&w, "1> 10 { s'MQTT' 04 02 0000 s'b' }");
	dialogue_say(&w, "1> 32 { s't' 0001 'x' }");
	w.store->ops->total(w.store, &usage);
	assert_int_equal(usage.messages, 0);
	mqtt_server_set_listeners(w.server, w.now_ms, moved, 2);
	dialogue_say(&w, "1> 32 { s't' 0002 'y' }");
	w.store->ops->total(w.store, &usage);
	assert_int_equal(usage.messages, 1);
	stop(&w, &p);
}

/* Only what may have been sent is marked as a repetition. */
static void test_window(void **state)
{
	struct place p;
	struct world w;
	char line[64];

	(void)state;
	start_memory(&w, &p, MAX_BYTES);
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, SUB_A);
	dialogue_say(&w, "0x");
	dialogue_say(&w, CLEAN_B);
	for (int i = 1; i <= MQTT_INFLIGHT_MAX + 2; i++)
		dialogue_say(&w, "1> 32 { s't' 0001 'x' }");
	kill_and_start(&w, &p);
	dialogue_say(&w, KEEP_A);
	assert_int_equal(buf_len(&w.clients[0].seen), 4 + MQTT_INFLIGHT_MAX * 8);
	for (size_t i = 0; i < MQTT_INFLIGHT_MAX; i++)
		assert_int_equal(buf_data(&w.clients[0].seen)[4 + i * 8], 0x3a);
	buf_clear(&w.clients[0].seen);
	for (int i = 1; i <= 2; i++) {
		snprintf(line, sizeof(line), "0> 4002%04x", i);
		dialogue_say(&w, line);
		snprintf(line, sizeof(line), "0< 32 { s't' %04x 'x' }", MQTT_INFLIGHT_MAX + i);
		dialogue_say(&w, line);
	}
	stop(&w, &p);
}

/* What the daemon publishes itself is made anew by every process. */
static void test_own_messages(void **state)
{
	struct mqtt_msg *m = mqtt_msg_new("$SYS/x", 6, "1", 1, 1, true);
	struct text found;
	struct place p;
	struct world w;

	(void)state;
	start_memory(&w, &p, MAX_BYTES);
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, HELLO_A);
	dialogue_say(&w, "0> 82 { 0001 s'$SYS/#' 01 }");
	dialogue_say(&w, "0< 90 { 0001 01 }");
	mqtt_server_publish(w.server, w.now_ms, m);
	mqtt_msg_unref(m);
	world_turn(&w);
	dialogue_say(&w, "0< 32 { s'$SYS/x' 0001 '1' }");
	dump(w.store, &found);
	assert_string_equal(
	    found.text, "$retained[] client:a[expiry=never listener=open $SYS/#:qos=1]");
	stop(&w, &p);
}

/* ---- a store that somebody edited ---- */

static void test_nonsense(void **state)
{
	static const struct {
		const char *topic;
		uint8_t qos;
		uint16_t packet_id;
		const char *properties;
	} entries[] = {
		{ "good", 1, 1, "" },
		{ "good", 2, 2, "\x0b\x07" },
		{ "bad/#", 1, 3, "" },
		{ "", 1, 4, "" },
		{ "at QoS 0", 0, 5, "" },
		{ "at QoS 3", 3, 6, "" },
		{ "without identifier", 1, 0, "" },
		{ "with another's", 1, 2, "" },
	};
	struct text found;
	struct place p;
	struct world w;
	unsigned queue, other;

	(void)state;
	start_memory(&w, &p, MAX_BYTES);
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, "0x");
	assert_int_equal(w.store->ops->open_queue(w.store, "client:a", &queue), 0);
	assert_int_equal(w.store->ops->open_queue(w.store, "client:", &other), 0);
	assert_int_equal(w.store->ops->open_queue(w.store, "client:b", &other), 0);
	assert_int_equal(w.store->ops->open_queue(w.store, "broker", &other), 0);
	assert_int_equal(w.store->ops->put_note(w.store, queue, STORE_NOTE_SUBSCRIPTION,
			     (struct span){ (const uint8_t *)"a/#/b", 5 }, (struct span){ 0 }),
	    0);
	assert_int_equal(w.store->ops->put_note(w.store, queue, STORE_NOTE_RECEIVED,
			     (struct span){ (const uint8_t *)"70000", 5 }, (struct span){ 0 }),
	    0);
	for (size_t i = 0; i < COUNT(entries); i++) {
		const struct store_target t = {
			.queue = queue,
			.topic = { (const uint8_t *)entries[i].topic, strlen(entries[i].topic) },
			.properties = { (const uint8_t *)entries[i].properties,
			    strlen(entries[i].properties) },
			.qos = entries[i].qos,
			.packet_id = entries[i].packet_id,
		};

		assert_int_equal(
		    w.store->ops->add(w.store, i + 1, 0, (struct span){ 0 }, &t, 1), 0);
	}
	assert_int_equal(w.store->ops->commit(w.store), 0);
	kill_and_start(&w, &p);
	assert_int_equal(mqtt_server_counters(w.server)->dropped[MQTT_DROP_QUEUE], 6);
	dump(w.store, &found);
	assert_string_equal(found.text,
	    "$retained[] client:a[expiry=never listener=open a/#/b !70000 good@1/1 good@2/2] "
	    "broker[]");
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, "0< 20020100 3a { s'good' 0001 } 3c { s'good' 0002 }");
	stop(&w, &p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogues_in_memory),
		cmocka_unit_test(test_dialogues_on_disk),
		cmocka_unit_test(test_bytes_max),
		cmocka_unit_test(test_queue_max),
		cmocka_unit_test(test_listeners_change),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_own_messages),
		cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, mqtt_listeners_make, mqtt_listeners_free);
}

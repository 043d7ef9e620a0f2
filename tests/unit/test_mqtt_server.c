/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local MQTT server: dialogues byte by byte, limits, and QoS 2 over connections that break.
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
 *   n COUNT       so many PUBLISH were accepted so far
 *   e TEXT        clients that came and went since the last such line
 * After the last line nothing may be left unread. Packets are written as in mqtt_notation.h.
 */
#include "base/prng.h"
#include "mqtt/mqtt_auth.h"
#include "mqtt_notation.h"
#include "mqtt_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

#define CONNECT_A "0> 10 { s'MQTT' 04 02 0000 s'a' }"
#define CONNECT_B "1> 10 { s'MQTT' 04 02 0000 s'b' }"
#define KEEP_A    "0> 10 { s'MQTT' 04 00 0000 s'a' }" /* not a clean session */
#define KEEP_B    "1> 10 { s'MQTT' 04 00 0000 s'b' }"
#define HELLO_A   "0< 20020000"
#define HELLO_B   "1< 20020000"
#define AGAIN_A   "0< 20020100" /* session present */

static const struct dialogue {
	const char *name;
	const char *lines[24];
} dialogues[] = {
	/* ---- CONNECT ---- */
	{ "CONNECT and DISCONNECT [MQTT-3.2.0-1, 3.14.4-1]",
	    { CONNECT_A, HELLO_A, "e +a", "0> e0 {}", "0! NORMAL", "e -a" } },
	{ "byte by byte", { "0> 10", "0> 0d", "0> 0004 'MQT'", "0> 'T' 04 02 0000 00", "0> 01",
			      "0<", "0> 'a'", HELLO_A } },
	{ "two packets in one piece",
	    { "0> 10 { s'MQTT' 04 02 0000 s'a' } c000", "0< 20020000 d000" } },
	{ "MQTT 3.1", { "0> 10 { s'MQIsdp' 03 00 0000 s'a' }", HELLO_A, "0x",
			  "0> 10 { s'MQIsdp' 03 00 0000 s'a' }", HELLO_A } },
	{ "not CONNECT first [MQTT-3.1.0-1]", { "0> c0", "0! PROTOCOL" } },
	{ "not MQTT at all", { "0> 'GET / HTTP/1.1'", "0! PROTOCOL" } },
	{ "second CONNECT [MQTT-3.1.0-2]",
	    { CONNECT_A, HELLO_A, CONNECT_A, "0! PROTOCOL", "e +a -a" } },
	{ "level 9 [MQTT-3.1.2-2]",
	    { "0> 10 { s'MQTT' 09 02 0000 s'a' }", "0< 20020001", "0! REFUSED" } },
	{ "wrong protocol name [MQTT-3.1.2-1]",
	    { "0> 10 { s'MQXX' 04 02 0000 s'a' }", "0! PROTOCOL" } },
	{ "no id, not clean [MQTT-3.1.3-8]",
	    { "0> 10 { s'MQTT' 04 00 0000 s'' }", "0< 20020002", "0! REFUSED" } },
	{ "no id, MQTT 3.1",
	    { "0> 10 { s'MQIsdp' 03 02 0000 s'' }", "0< 20020002", "0! REFUSED" } },
	{ "no id, clean [MQTT-3.1.3-6]",
	    { "0> 10 { s'MQTT' 04 02 0000 s'' }", HELLO_A, "1> 10 { s'MQTT' 04 02 0000 s'auto-2' }",
		HELLO_B, "2> 10 { s'MQTT' 04 02 0000 s'' }", "2< 20020000",
		"e +auto-1 +auto-2 +auto-3" } },
	{ "id too long [MQTT-3.1.3-9]",
	    { "0> 10 { s'MQTT' 04 02 0000 s'i'*256 }", HELLO_A,
		"1> 10 { s'MQTT' 04 02 0000 s'i'*257 }", "1< 20020002", "1! REFUSED" } },
	{ "user too long",
	    { "0> 10 { s'MQTT' 04 82 0000 s'a' s'u'*257 }", "0< 20020004", "0! REFUSED" } },
	{ "will topic with wildcard",
	    { "0> 10 { s'MQTT' 04 06 0000 s'a' s'w/#' s'x' }", "0! PROTOCOL" } },
	{ "will topic empty", { "0> 10 { s'MQTT' 04 06 0000 s'a' s'' s'x' }", "0! PROTOCOL" } },
	{ "remaining length of five bytes", { "0> 10 80808080 01", "0! PROTOCOL" } },
	{ "too large, known at once", { CONNECT_A, HELLO_A, "0> 30 ffffff7f", "0! TOO_LARGE" } },
	{ "reserved type 0", { CONNECT_A, HELLO_A, "0> 00 00", "0! PROTOCOL" } },
	{ "reserved type 15", { CONNECT_A, HELLO_A, "0> f0 00", "0! PROTOCOL" } },
	{ "a server's packet", { CONNECT_A, HELLO_A, "0> 20020000", "0! PROTOCOL" } },

	/* ---- who may in ---- */
	{ "right password",
	    { "0o 1", "0> 10 { s'MQTT' 04 c2 0000 s'a' s'ann' s'secret' }", HELLO_A } },
	{ "wrong password", { "0o 1", "0> 10 { s'MQTT' 04 c2 0000 s'a' s'ann' s'Secret' }",
				"0< 20020005", "0! REFUSED", "e" } },
	{ "unknown user", { "0o 1", "0> 10 { s'MQTT' 04 c2 0000 s'a' s'eve' s'secret' }",
			      "0< 20020005", "0! REFUSED" } },
	{ "no password",
	    { "0o 1", "0> 10 { s'MQTT' 04 82 0000 s'a' s'ann' }", "0< 20020005", "0! REFUSED" } },
	{ "anonymous where not allowed", { "0o 1", CONNECT_A, "0< 20020005", "0! REFUSED" } },
	{ "anonymous where allowed, despite users", { "0o 2", CONNECT_A, HELLO_A } },
	{ "wrong password where anonymous may",
	    { "0o 2", "0> 10 { s'MQTT' 04 c2 0000 s'a' s'ann' s'x' }", "0< 20020005",
		"0! REFUSED" } },
	{ "any password where there are no users",
	    { "0> 10 { s'MQTT' 04 c2 0000 s'a' s'ann' s'x' }", HELLO_A } },
	{ "nobody takes somebody else's session",
	    { "0o 1", "0> 10 { s'MQTT' 04 c0 0000 s'a' s'ann' s'secret' }", HELLO_A, "0x", "0o 2",
		KEEP_A, HELLO_A, "0x", "0o 1", "0> 10 { s'MQTT' 04 c0 0000 s'a' s'ann' s'secret' }",
		HELLO_A, "0x", "0o 1", "0> 10 { s'MQTT' 04 c0 0000 s'a' s'ann' s'secret' }",
		AGAIN_A } },
	{ "a refused CONNECT takes nobody over",
	    { KEEP_A, HELLO_A, "1o 1", "1> 10 { s'MQTT' 04 c2 0000 s'a' s'ann' s'x' }",
		"1< 20020005", "1! REFUSED", "0> c000", "0< d000" } },

	/* ---- sessions ---- */
	{ "clean session leaves nothing [MQTT-3.1.2-6]",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 s't' 00 }", "0< 90 { 0001 00 }", "0x", KEEP_A,
		HELLO_A, CONNECT_B, HELLO_B, "1> 30 { s't' 'x' }", "n 1", "0<" } },
	{ "session present [MQTT-3.2.2-2]", { KEEP_A, HELLO_A, "0x", KEEP_A, AGAIN_A, "0x",
						CONNECT_A, HELLO_A, "0x", KEEP_A, HELLO_A } },
	{ "take-over [MQTT-3.1.4-2]", { KEEP_A, HELLO_A, "1> 10 { s'MQTT' 04 00 0000 s'a' }",
					  "1< 20020100", "0! TAKEN_OVER", "e +a -a +a" } },
	{ "take-over by a clean session", { CONNECT_A, HELLO_A, "1> 10 { s'MQTT' 04 02 0000 s'a' }",
					      HELLO_B, "0! TAKEN_OVER", "1> c000", "1< d000" } },
	{ "absent client gets QoS 1 and 2, not 0 [MQTT-3.1.2-5]",
	    { KEEP_A, HELLO_A, "0> 82 { 0001 s't' 02 }", "0< 90 { 0001 02 }", "0x", CONNECT_B,
		HELLO_B, "1> 30 { s't' '0' } 32 { s't' 0001 '1' } 34 { s't' 0002 '2' }",
		"1< 40020001 50020002", KEEP_A,
		"0< 20020100 32 { s't' 0001 '1' } 34 { s't' 0002 '2' }" } },
	{ "in flight is sent again, in order, with dup [MQTT-4.4.0-1, 4.6.0-1, 3.3.1-1]",
	    { KEEP_A, HELLO_A, "0> 82 { 0001 s't' 02 }", "0< 90 { 0001 02 }", CONNECT_B, HELLO_B,
		"1> 32 { s't' 0001 '1' } 34 { s't' 0002 '2' } 34 { s't' 0003 '3' } 32 { s't' 0004 "
		"'4' }",
		"1< 40020001 50020002 50020003 40020004",
		"0< 32 { s't' 0001 '1' } 34 { s't' 0002 '2' } 34 { s't' 0003 '3' } 32 { s't' 0004 "
		"'4' }",
		"0> 50020003 40020001", "0< 62020003", "0x", KEEP_A,
		"0< 20020100 3c { s't' 0002 '2' } 62020003 3a { s't' 0004 '4' }",
		"0> 70020003 40020004 50020002", "0< 62020002", "0x", KEEP_A,
		"0< 20020100 62020002", "0> 70020002", "0x", KEEP_A, AGAIN_A } },

	/* ---- PUBLISH from clients ---- */
	{ "QoS 0, 1, 2 [MQTT-4.3.2-2, 4.3.3-2]",
	    { CONNECT_A, HELLO_A, "0> 30 { s't' 'x' } 32 { s't' 0102 'x' } 34 { s't' 0103 'x' }",
		"0< 40020102 50020103", "n 3", "0> 62020103", "0< 70020103" } },
	{ "empty payload", { CONNECT_A, HELLO_A, "0> 32 { s't' 0001 }", "0< 40020001", "n 1" } },
	{ "repeated QoS 2 is one message [MQTT-4.3.3-2]",
	    { CONNECT_A, HELLO_A, "0> 34 { s't' 0001 'x' }", "0< 50020001",
		"0> 3c { s't' 0001 'x' }", "0< 50020001", "n 1", "0> 62020001", "0< 70020001",
		"0> 34 { s't' 0001 'x' }", "0< 50020001", "n 2" } },
	{ "QoS 2 identifiers survive the connection",
	    { KEEP_A, HELLO_A, "0> 34 { s't' 0001 'x' }", "0< 50020001", "0x", KEEP_A, AGAIN_A,
		"0> 3c { s't' 0001 'x' }", "0< 50020001", "n 1", "0> 62020001", "0< 70020001",
		"0> 62020001", "0< 70020001" } },
	{ "but not the clean session",
	    { CONNECT_A, HELLO_A, "0> 34 { s't' 0001 'x' }", "0< 50020001", "0x", CONNECT_A,
		HELLO_A, "0> 3c { s't' 0001 'x' }", "0< 50020001", "n 2" } },
	{ "repeated QoS 1 is delivered again",
	    { CONNECT_A, HELLO_A, "0> 32 { s't' 0001 'x' } 3a { s't' 0001 'x' }",
		"0< 40020001 40020001", "n 2" } },
	{ "PUBREL for nothing", { CONNECT_A, HELLO_A, "0> 62020009", "0< 70020009" } },
	{ "QoS 3 [MQTT-3.3.1-4]", { CONNECT_A, HELLO_A, "0> 36 { s't' 0001 }", "0! PROTOCOL" } },
	{ "wildcard in a topic [MQTT-3.3.2-2]",
	    { CONNECT_A, HELLO_A, "0> 30 { s't/+' }", "0! PROTOCOL" } },
	{ "empty topic [MQTT-4.7.3-1]",
	    { CONNECT_A, HELLO_A, "0> 30 { s'' 'x' }", "0! PROTOCOL" } },
	{ "topic not UTF-8 [MQTT-3.3.2-1]",
	    { CONNECT_A, HELLO_A, "0> 30 { 0001 ff }", "0! PROTOCOL" } },
	{ "the server's topics are not for clients",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 s'$x/#' 00 }", "0< 90 { 0001 00 }",
		"0> 30 { s'$x/y' } 32 { s'$x/y' 0001 } 34 { s'$x/y' 0002 }", "0< 40020001 50020002",
		"n 0", "0> 3c { s'$x/y' 0002 } 62020002", "0< 50020002 70020002" } },

	/* ---- verdicts and commit ---- */
	{ "acknowledged when committed",
	    { CONNECT_A, HELLO_A, "c off", "0> 34 { s't' 0001 'x' } 32 { s't' 0002 'x' } c000",
		"0< d000", "n 2", "0> 62020001", "0<", "c on", "0< 50020001 40020002 70020001" } },
	{ "lost before the commit: nothing, and QoS 2 not twice",
	    { KEEP_A, HELLO_A, "c off", "0> 34 { s't' 0001 'x' }", "0x", "c on", KEEP_A, AGAIN_A,
		"0> 3c { s't' 0001 'x' }", "0< 50020001", "n 1" } },
	{ "denied is acknowledged",
	    { CONNECT_A, HELLO_A, "v quota", "0> 30 { s't' } 32 { s't' 0001 } 34 { s't' 0002 }",
		"0< 40020001 50020002", "n 0", "v accept", "0> 3c { s't' 0002 } 62020002",
		"0< 50020002 70020002", "n 0" } },
	{ "held is not read, and offered again",
	    { CONNECT_A, HELLO_A, "v hold", "0> 32 { s't' 0001 '1' } 30 { s't' '2' } c000", "0p",
		"0<", "n 0", "h", "0p", "0> c0", "0> 00", "v accept", "0<", "h", "0r",
		"0< d000 d000 40020001", "n 2" } },
	{ "held, accepted, held again",
	    { CONNECT_A, HELLO_A, "v hold", "0> 32 { s't' 0001 }", "0p", "v accept", "h", "0r",
		"0< 40020001", "v hold", "0> 32 { s't' 0002 }", "0p", "v quota", "h", "0r",
		"0< 40020002", "n 1" } },
	{ "held and lost: what had come still counts",
	    { CONNECT_A, HELLO_A, "v hold", "0> 30 { s't' 'x' } 30 { s't' 'y' } e000", "0p", "0x",
		"n 0", "e +a", "v accept", "h", "n 2", "e -a" } },
	{ "held and taken over", { KEEP_A, HELLO_A, "v hold", "0> 32 { s't' 0001 'x' }", "0p",
				     "1> 10 { s'MQTT' 04 00 0000 s'a' }", "1< 20020100",
				     "0! TAKEN_OVER", "v accept", "h", "n 0" } },

	/* ---- SUBSCRIBE ---- */
	{ "granted QoS, delivery at the lower one [MQTT-3.8.4-6]",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 s'0' 00 s'1' 01 s'2' 02 }", "0< 90 { 0001 000102 }",
		CONNECT_B, HELLO_B,
		"1> 34 { s'0' 0001 } 34 { s'1' 0002 } 34 { s'2' 0003 } 32 { s'2' 0004 } 30 { s'2' "
		"}",
		"1< 50020001 50020002 50020003 40020004",
		"0< 30 { s'0' } 32 { s'1' 0001 } 34 { s'2' 0002 } 32 { s'2' 0003 } 30 { s'2' }" } },
	{ "overlapping filters: once, at the highest QoS [MQTT-3.3.5-1]",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 s'#' 00 s't/+' 02 s't/x' 01 }",
		"0< 90 { 0001 000201 }", "0> 34 { s't/x' 0001 }",
		"0< 34 { s't/x' 0001 } 50020001" } },
	{ "a filter again takes the new QoS [MQTT-3.8.4-3]",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 s't' 01 } 82 { 0002 s't' 00 }",
		"0< 90 { 0001 01 } 90 { 0002 00 }", "0> 32 { s't' 0001 }",
		"0< 30 { s't' } 40020001" } },
	{ "UNSUBSCRIBE [MQTT-3.10.4-1, -4, -5]",
	    { CONNECT_A, HELLO_A,
		"0> 82 { 0001 s't' 00 s'u' 00 } a2 { 0002 s't' } a2 { 0003 s'none' }",
		"0< 90 { 0001 0000 } b0020002 b0020003", "0> 30 { s't' } 30 { s'u' }",
		"0< 30 { s'u' }" } },
	{ "bad filter [MQTT-4.7.1-2]",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 s'ok' 00 s'a/#/b' 00 }", "0! PROTOCOL" } },
	{ "bad filter to unsubscribe",
	    { CONNECT_A, HELLO_A, "0> a2 { 0001 s'a+' }", "0! PROTOCOL" } },
	{ "no filter [MQTT-3.8.3-3]", { CONNECT_A, HELLO_A, "0> 82 { 0001 }", "0! PROTOCOL" } },
	{ "without rights 0x80 (3.9.3)",
	    { "0o 2", CONNECT_A, HELLO_A, "0> 82 { 0001 s'public/#' 01 s'site/#' 01 s'#' 00 }",
		"0< 90 { 0001 018000 }" } },
	{ "rights: may not write, may not read",
	    { "0o 2", CONNECT_A, HELLO_A, "0> 82 { 0001 s'#' 00 }", "0< 90 { 0001 00 }", "1o 1",
		"1> 10 { s'MQTT' 04 c2 0000 s'b' s'ann' s'secret' }", HELLO_B,
		"1> 30 { s'site/x' } 30 { s'public/x' } 32 { s'other' 0001 }", "1< 40020001", "n 2",
		"0< 30 { s'public/x' }", "0> 30 { s'public/x' }", "n 2" } },

	/* ---- retained ---- */
	{ "retained [MQTT-3.3.1-5, -6, -8, -9]",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 s't' 00 }", "0< 90 { 0001 00 }",
		"0> 31 { s't' 'old' } 31 { s't' 'new' }", "0< 30 { s't' 'old' } 30 { s't' 'new' }",
		CONNECT_B, HELLO_B, "1> 82 { 0001 s'+' 00 }", "1< 90 { 0001 00 } 31 { s't' 'new' }",
		"1> 82 { 0002 s'+' 00 }", "1< 90 { 0002 00 } 31 { s't' 'new' }" } },
	{ "not retained does not replace [MQTT-3.3.1-12]",
	    { CONNECT_A, HELLO_A, "0> 31 { s't' 'kept' } 30 { s't' 'live' } 82 { 0001 s't' 00 }",
		"0< 90 { 0001 00 } 31 { s't' 'kept' }" } },
	{ "empty removes, and is delivered [MQTT-3.3.1-10, -11]",
	    { CONNECT_A, HELLO_A, "0> 31 { s't' 'x' } 82 { 0001 s't' 00 }",
		"0< 90 { 0001 00 } 31 { s't' 'x' }", "0> 31 { s't' }", "0< 30 { s't' }",
		"0> 82 { 0002 s't' 00 }", "0< 90 { 0002 00 }" } },
	{ "retained at the lower QoS, in order of setting",
	    { CONNECT_A, HELLO_A, "0> 33 { s'b' 0001 'b' } 35 { s'a' 0002 'a' } 31 { s'c' 'c' }",
		"0< 40020001 50020002", "0> 82 { 0003 s'#' 01 }",
		"0< 90 { 0003 01 } 33 { s'b' 0001 'b' } 33 { s'a' 0002 'a' } 31 { s'c' 'c' }" } },
	{ "retained only where it may be read",
	    { "0o 1", "0> 10 { s'MQTT' 04 c2 0000 s'a' s'ann' s'secret' }", HELLO_A,
		"0> 31 { s'site/x' 'x' } 31 { s'public/x' 'x' }", "1o 2", CONNECT_B, HELLO_B,
		"1> 82 { 0001 s'#' 00 }", "1< 90 { 0001 00 } 31 { s'public/x' 'x' }" } },

	/* ---- acknowledgements from clients ---- */
	{ "acknowledgements of nothing are ignored",
	    { CONNECT_A, HELLO_A, "0> 40020009 70020009 c000", "0< d000", "0> 50020009",
		"0< 62020009" } },
	{ "PUBACK for QoS 2",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 s't' 02 } 34 { s't' 0001 }",
		"0< 90 { 0001 02 } 34 { s't' 0001 } 50020001", "0> 40020001", "0! PROTOCOL" } },
	{ "PUBREC for QoS 1",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 s't' 01 } 32 { s't' 0001 }",
		"0< 90 { 0001 01 } 32 { s't' 0001 } 40020001", "0> 50020001", "0! PROTOCOL" } },
	{ "PUBCOMP before PUBREC",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 s't' 02 } 34 { s't' 0001 }",
		"0< 90 { 0001 02 } 34 { s't' 0001 } 50020001", "0> 70020001", "0! PROTOCOL" } },
	{ "PUBREC twice", { CONNECT_A, HELLO_A, "0> 82 { 0001 s't' 02 } 34 { s't' 0001 }",
			      "0< 90 { 0001 02 } 34 { s't' 0001 } 50020001", "0> 50020001 50020001",
			      "0< 62020001 62020001", "0> 70020001 70020001 c000", "0< d000" } },

	/* ---- wills ---- */
	{ "will when the socket is lost [MQTT-3.1.2-8]",
	    { CONNECT_B, HELLO_B, "1> 82 { 0001 s'w' 02 }", "1< 90 { 0001 02 }",
		"0> 10 { s'MQTT' 04 0e 0000 s'a' s'w' s'gone' }", HELLO_A, "0x",
		"1< 32 { s'w' 0001 'gone' }", "n 1" } },
	{ "no will after DISCONNECT [MQTT-3.1.2-10]",
	    { "0> 10 { s'MQTT' 04 06 0000 s'a' s'w' s'gone' }", HELLO_A, "0> e000", "0! NORMAL",
		"n 0" } },
	{ "DISCONNECT together with the end: no will",
	    { "0> 10 { s'MQTT' 04 06 0000 s'a' s'w' s'gone' }", HELLO_A, "v hold",
		"0> 30 { s't' 'x' } e000", "0p", "0x", "v accept", "h", "n 1" } },
	{ "will after a violation", { "0> 10 { s'MQTT' 04 06 0000 s'a' s'w' s'gone' }", HELLO_A,
					"0> f000", "0! PROTOCOL", "n 1" } },
	{ "will at take-over",
	    { "0> 10 { s'MQTT' 04 06 0000 s'a' s'w' s'gone' }", HELLO_A,
		"1> 10 { s'MQTT' 04 02 0000 s'a' }", HELLO_B, "0! TAKEN_OVER", "n 1" } },
	{ "will retained [MQTT-3.1.2-17]",
	    { "0> 10 { s'MQTT' 04 26 0000 s'a' s'w' s'gone' }", HELLO_A, "0x", CONNECT_B, HELLO_B,
		"1> 82 { 0001 s'w' 00 }", "1< 90 { 0001 00 } 31 { s'w' 'gone' }" } },
	{ "will held", { "0> 10 { s'MQTT' 04 06 0000 s'a' s'w' s'gone' }", HELLO_A, "v hold", "0x",
			   "n 0", "h", "n 0", "v accept", "t 1", "n 0", "h", "n 1" } },
	{ "no will of a CONNECT that was refused",
	    { "0o 1", "0> 10 { s'MQTT' 04 06 0000 s'a' s'w' s'gone' }", "0< 20020005", "0! REFUSED",
		"n 0" } },
	{ "will without the right to it",
	    { "0o 2", "0> 10 { s'MQTT' 04 06 0000 s'a' s'w' s'gone' }", HELLO_A, "0x", "n 0" } },

	/* ---- time ---- */
	{ "CONNECT must come in time",
	    { "0> 10", "t 9999", "0> 0d", "t 1", "0! NO_CONNECT", "e" } },
	{ "keep-alive, one and a half times [MQTT-3.1.2-24]",
	    { "0> 10 { s'MQTT' 04 02 000a s'a' }", HELLO_A, "t 14999", "0> c000", "0< d000",
		"t 14999", "0> 30 { s't' }", "t 15000", "0! KEEPALIVE", "e +a -a" } },
	{ "half a packet is no sign of life", { "0> 10 { s'MQTT' 04 02 000a s'a' }", HELLO_A,
						  "t 14999", "0> 30", "t 1", "0! KEEPALIVE" } },
	{ "without keep-alive", { CONNECT_A, HELLO_A, "t 1000000000", "0> c000", "0< d000" } },
	{ "a paused client may be silent",
	    { "0> 10 { s'MQTT' 04 02 000a s'a' }", HELLO_A, "v hold", "0> 30 { s't' }", "0p",
		"t 100000", "0p", "v accept", "h", "0r", "t 14999", "0> c000", "0< d000", "t 15000",
		"0! KEEPALIVE" } },
};

static uint8_t packet[NOTATION_MAX];
static struct mqtt_auth *auth_rights;
static struct mqtt_listener listeners[3];

static int set_up(void **state)
{
	/* openssl passwd -1 -salt abcdefgh secret: a quick one, for there are many of them */
	static const char passwords[] = "ann:$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1\n";
	static const char acl[] = "topic read public/#\nuser ann\ntopic site/#\ntopic public/#\n";
	const char *why;
	unsigned line;

	(void)state;
	if (mqtt_auth_new(
		passwords, strlen(passwords), acl, strlen(acl), &auth_rights, &line, &why))
		return -1;
	listeners[0] = (struct mqtt_listener){ .address = "open", .allow_anonymous = true };
	listeners[1] = (struct mqtt_listener){ .address = "users", .auth = auth_rights };
	listeners[2] = (struct mqtt_listener){
		.address = "both", .allow_anonymous = true, .auth = auth_rights
	};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mqtt_auth_free(auth_rights);
	return 0;
}

static void expect(struct world *w, size_t i, const char *bytes, const char *line)
{
	size_t len = notation_read(bytes, packet);
	struct buf *seen = &w->clients[i].seen;

	if (buf_len(seen) != len || (len && memcmp(buf_data(seen), packet, len) != 0)) {
		print_error("written:");
		for (size_t k = 0; k < buf_len(seen) && k < 200; k++)
			print_error(" %02x", buf_data(seen)[k]);
		print_error("\n");
		fail_msg("line \"%s\"", line);
	}
	buf_clear(seen);
}

static enum mqtt_close close_reason(const char *name)
{
	static const char *const names[MQTT_CLOSE_COUNT] = { "NORMAL", "EOF", "PROTOCOL",
		"TOO_LARGE", "KEEPALIVE", "TAKEN_OVER", "REFUSED", "NO_CONNECT", "SLOW", "NOMEM",
		"SHUTDOWN" };
	enum mqtt_close why = MQTT_CLOSE_NORMAL;

	while (why < MQTT_CLOSE_COUNT && strcmp(names[why], name) != 0)
		why++;
	assert_true(why < MQTT_CLOSE_COUNT);
	return why;
}

static void play_client_line(struct world *w, const char *line)
{
	size_t i = (size_t)(line[0] - '0');
	struct world_client *c = &w->clients[i];
	const char *rest = line[2] == ' ' ? line + 3 : line + 2;

	switch (line[1]) {
	case '>':
		if (!c->number)
			assert_int_equal(world_open(w, i, 0), 0);
		world_send(w, i, packet, notation_read(rest, packet));
		world_turn(w);
		break;
	case '<':
		expect(w, i, rest, line);
		break;
	case '!':
		if (!c->is_closed || c->why != close_reason(rest))
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

static enum mqtt_verdict read_verdict(const char *name)
{
	static const char *const names[] = { "accept", "hold", "quota", "topic", "payload",
		"failed" };
	size_t i = 0;

	while (i < COUNT(names) && strcmp(names[i], name) != 0)
		i++;
	assert_true(i < COUNT(names));
	return (enum mqtt_verdict)i;
}

static void play_line(struct world *w, const char *line)
{
	const char *rest = line[1] == ' ' ? line + 2 : line + 1;

	if (line[0] >= '0' && line[0] <= '9') {
		play_client_line(w, line);
		return;
	}
	switch (line[0]) {
	case 't':
		w->now_ms += strtoull(rest, NULL, 10);
		mqtt_server_tick(w->server, w->now_ms);
		break;
	case 'v':
		w->verdict = read_verdict(rest);
		break;
	case 'h':
		mqtt_server_resume_held(w->server, w->now_ms);
		break;
	case 'c':
		w->is_commit_off = strcmp(rest, "off") == 0;
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

static void test_dialogues(void **state)
{
	(void)state;
	for (size_t d = 0; d < COUNT(dialogues); d++) {
		struct world w;

		print_message("%s\n", dialogues[d].name);
		assert_true(world_init(&w, listeners, 3));
		for (size_t i = 0; i < COUNT(dialogues[d].lines) && dialogues[d].lines[i]; i++)
			play_line(&w, dialogues[d].lines[i]);
		for (size_t i = 0; i < WORLD_CLIENTS; i++)
			expect(&w, i, "", "(end)");
		world_fini(&w);
	}
}

static void say(struct world *w, const char *line)
{
	play_line(w, line);
}

/* Everything that a client may send, cut off at every length, and the connection lost. */
static void test_truncated(void **state)
{
	static const char *const packets[] = {
		"10 { s'MQTT' 04 f6 003c s'c' s'w' s'gone' s'u' s'p' }",
		"34 { s't' 0001 'hello' }",
		"40020001",
		"50020001",
		"62020001",
		"70020001",
		"82 { 0001 s't' 00 s'u' 01 }",
		"a2 { 0001 s't' s'u' }",
		"c000",
		"e000",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(packets); i++) {
		static uint8_t bytes[256];
		size_t len = notation_read(packets[i], bytes);

		for (size_t cut = 0; cut < len; cut++) {
			struct world w;

			assert_true(world_init(&w, listeners, 3));
			assert_int_equal(world_open(&w, 0, 0), 0);
			if (i > 0) {
				say(&w, CONNECT_A);
				say(&w, HELLO_A);
			}
			world_send(&w, 0, bytes, cut);
			world_turn(&w);
			say(&w, "0<");
			say(&w, "n 0");
			assert_false(w.clients[0].is_closed);
			world_lose(&w, 0);
			world_turn(&w);
			assert_int_equal(mqtt_server_counters(w.server)->closed[MQTT_CLOSE_EOF], 1);
			assert_int_equal(mqtt_server_deadline(w.server), UINT64_MAX);
			world_fini(&w);
		}
	}
}

static void test_many_writes_are_one_event(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, CONNECT_A);
	say(&w, CONNECT_B);
	say(&w, "1> 82 { 0001 s't' 00 }");
	w.clients[1].writes = 0;
	for (int i = 0; i < 50; i++)
		world_send(&w, 0, packet, notation_read("30 { s't' 'x' }", packet));
	world_turn(&w);
	assert_int_equal(w.clients[1].writes, 1);
	assert_int_equal(mqtt_server_counters(w.server)->sent, 50);
	world_fini(&w);
}

static void test_clients_max(void **state)
{
	struct world w;
	uint32_t numbers[MQTT_CLIENTS_MAX], one_more = 0;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	for (size_t i = 0; i < MQTT_CLIENTS_MAX; i++) {
		assert_int_equal(mqtt_server_client_new(w.server, 0, 0, &numbers[i]), 0);
		assert_int_not_equal(numbers[i], 0);
	}
	assert_int_equal(mqtt_server_client_new(w.server, 0, 0, &one_more), -EMFILE);
	assert_int_equal(one_more, 0);
	mqtt_server_client_gone(w.server, 0, numbers[5]);
	world_turn(&w);
	assert_int_equal(mqtt_server_client_new(w.server, 0, 0, &one_more), 0);
	for (size_t i = 0; i < MQTT_CLIENTS_MAX; i++)
		assert_int_not_equal(one_more, numbers[i]);
	/* A number that is not known any more is ignored. */
	assert_null(mqtt_server_client_out(w.server, numbers[5]));
	mqtt_server_client_rx(w.server, 0, numbers[5], (const uint8_t *)"x", 1);
	mqtt_server_client_sent(w.server, 0, numbers[5]);
	mqtt_server_client_gone(w.server, 0, numbers[5]);
	world_turn(&w);
	assert_non_null(mqtt_server_client_out(w.server, one_more));
	assert_null(mqtt_server_client_out(w.server, 0));
	assert_null(mqtt_server_client_out(w.server, UINT32_MAX));
	world_fini(&w);
}

static void test_sessions_max(void **state)
{
	struct world w;
	char line[64];

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	for (int i = 0; i < MQTT_SESSIONS_MAX; i++) {
		snprintf(line, sizeof(line), "0> 10 { s'MQTT' 04 00 0000 s's%d' }", i);
		say(&w, line);
		say(&w, HELLO_A);
		say(&w, "0x");
	}
	say(&w, "0> 10 { s'MQTT' 04 02 0000 s'more' }");
	say(&w, "0< 20020003");
	say(&w, "0! REFUSED");
	say(&w, "0> 10 { s'MQTT' 04 00 0000 s's7' }");
	say(&w, AGAIN_A);
	world_fini(&w);
}

static void test_subscriptions_max(void **state)
{
	static char line[64 + 300 * 20];
	struct world w;
	size_t len, n;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, CONNECT_A);
	say(&w, HELLO_A);
	n = (size_t)snprintf(line, sizeof(line), "0> 82 { 0001");
	for (int i = 0; i < 300; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, " s't/%d' 01", i);
	snprintf(line + n, sizeof(line) - n, " }");
	say(&w, line);
	/* 90, two bytes of length, identifier, codes */
	len = buf_len(&w.clients[0].seen);
	assert_int_equal(len, 3 + 2 + 300);
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(
		    buf_data(&w.clients[0].seen)[5 + i], i < MQTT_SUBS_PER_CLIENT_MAX ? 1 : 0x80);
	world_fini(&w);
}

/* An absent client's queue: MQTT_QUEUE_MAX messages, the newest are dropped, and counted. */
static void test_queue_max(void **state)
{
	struct world w;
	char line[64];

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, KEEP_A);
	say(&w, "0> 82 { 0001 s't' 01 }");
	say(&w, "0x");
	buf_clear(&w.clients[0].seen);
	say(&w, CONNECT_B);
	for (int i = 0; i < MQTT_QUEUE_MAX + 7; i++) {
		snprintf(line, sizeof(line), "1> 32 { s't' 0001 '%05d' }", i);
		say(&w, line);
	}
	assert_int_equal(mqtt_server_counters(w.server)->dropped_queue, 7);
	assert_true(mqtt_server_kept_bytes(w.server) >= 5 * MQTT_QUEUE_MAX);
	say(&w, KEEP_A);
	/* CONNACK and a window full of them */
	assert_int_equal(buf_len(&w.clients[0].seen), 4 + MQTT_INFLIGHT_MAX * 12);
	for (int i = 0; i < MQTT_QUEUE_MAX; i++) {
		uint8_t *p = w.clients[0].seen.mem + w.clients[0].seen.start + 4 + 12 * i;

		snprintf(line, sizeof(line), "%05d", i);
		assert_memory_equal(p + 7, line, 5);
		snprintf(line, sizeof(line), "0> 40 { %02x%02x }", p[5], p[6]);
		say(&w, line);
	}
	assert_int_equal(buf_len(&w.clients[0].seen), 4 + MQTT_QUEUE_MAX * 12);
	assert_int_equal(mqtt_server_kept_bytes(w.server), 0);
	world_fini(&w);
}

static void test_queue_bytes_max(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, KEEP_A);
	say(&w, "0> 82 { 0001 s't' 01 }");
	say(&w, "0x");
	say(&w, CONNECT_B);
	for (int i = 0; i < 30; i++)
		say(&w, "1> 32 { s't' 0001 'x'*200000 }");
	assert_in_range(
	    mqtt_server_kept_bytes(w.server), MQTT_QUEUE_BYTES_MAX - 200100, MQTT_QUEUE_BYTES_MAX);
	assert_int_equal(mqtt_server_counters(w.server)->dropped_queue, 10);
	world_fini(&w);
}

static void test_kept_bytes_max(void **state)
{
	struct world w;
	char line[64];

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	for (int i = 0; i < 20; i++) {
		snprintf(line, sizeof(line), "0> 10 { s'MQTT' 04 00 0000 s's%d' }", i);
		say(&w, line);
		say(&w, "0> 82 { 0001 s't' 01 }");
		say(&w, "0x");
	}
	say(&w, CONNECT_B);
	for (int i = 0; i < 25; i++)
		say(&w, "1> 32 { s't' 0001 'x'*200000 }");
	assert_in_range(
	    mqtt_server_kept_bytes(w.server), MQTT_KEPT_BYTES_MAX - 200100, MQTT_KEPT_BYTES_MAX);
	world_fini(&w);
}

/* A client that does not read loses QoS 0, keeps QoS 1, and gets on when it reads again. */
static void test_slow_client(void **state)
{
	const struct mqtt_counters *n;
	struct world w;
	size_t kept;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	n = mqtt_server_counters(w.server);
	say(&w, CONNECT_A);
	say(&w, "0> 82 { 0001 s'#' 01 }");
	say(&w, CONNECT_B);
	buf_clear(&w.clients[0].seen);
	say(&w, "0s");
	for (int i = 0; i < 30; i++)
		say(&w, "1> 30 { s't' 'x'*50000 }");
	assert_int_equal(n->dropped_slow, 30 - (MQTT_CLIENT_OUT_MAX - MQTT_OUT_RESERVE) / 50007);
	for (int i = 0; i < 30; i++)
		say(&w, "1> 32 { s'u' 0001 'y'*50000 }");
	kept = mqtt_server_kept_bytes(w.server);
	assert_true(kept > 30 * 50000);
	assert_false(w.clients[0].is_closed);
	assert_in_range(buf_len(mqtt_server_client_out(w.server, w.clients[0].number)), 1,
	    MQTT_CLIENT_OUT_MAX - MQTT_OUT_RESERVE);
	say(&w, "0g");
	assert_int_equal(buf_len(&w.clients[0].seen),
	    (MQTT_CLIENT_OUT_MAX - MQTT_OUT_RESERVE) / 50007 * 50007 + 30 * 50009);
	assert_int_equal(n->dropped_queue, 0);
	world_fini(&w);
}

/* One that sends and sends and does not read even the answers is closed in the end. */
static void test_deaf_client(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, CONNECT_A);
	say(&w, "0s");
	for (int i = 0; i < 300000 && !w.clients[0].is_closed; i++) {
		world_send(&w, 0, (const uint8_t *)"\xc0\0", 2);
		if (i % 1000 == 0)
			world_turn(&w);
	}
	assert_true(w.clients[0].is_closed);
	assert_int_equal(w.clients[0].why, MQTT_CLOSE_SLOW);
	world_fini(&w);
}

/* Bytes for a held client only wait: the packet is not offered once more for them. */
static void test_held_is_offered_when_asked(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, CONNECT_A);
	say(&w, "v hold");
	say(&w, "0> 30 { s't' 'x' }");
	assert_int_equal(w.offer_count, 1);
	say(&w, "0> c000");
	say(&w, "0> c000");
	assert_int_equal(w.offer_count, 1);
	say(&w, "h");
	assert_int_equal(w.offer_count, 2);
	world_fini(&w);
}

/* The packet is there in time, but the tick comes before it is looked at. */
static void test_keepalive_sees_unread_packets(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, "0> 10 { s'MQTT' 04 02 000a s'a' }");
	say(&w, HELLO_A);
	w.now_ms = 15000;
	world_send(&w, 0, (const uint8_t *)"\xc0\0", 2);
	mqtt_server_tick(w.server, w.now_ms);
	world_turn(&w);
	say(&w, "0< d000");
	say(&w, "t 14999");
	assert_false(w.clients[0].is_closed);
	say(&w, "t 1");
	say(&w, "0! KEEPALIVE");
	world_fini(&w);
}

/* The queue is a ring: it grows while its first element is somewhere in the middle. */
static void test_queue_grows_in_order(void **state)
{
	struct world w;
	char line[64];

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, CONNECT_A);
	say(&w, "0> 82 { 0001 s't' 01 }");
	say(&w, CONNECT_B);
	buf_clear(&w.clients[0].seen);
	for (int i = 0; i < MQTT_INFLIGHT_MAX + 12 + 40; i++) {
		snprintf(line, sizeof(line), "1> 32 { s't' 0001 '%04d' }", i);
		say(&w, line);
		if (i == MQTT_INFLIGHT_MAX + 12)
			say(&w, "0> 40020001 40020002 40020003 40020004 40020005 40020006");
	}
	for (int i = 7; i <= MQTT_INFLIGHT_MAX + 12 + 40; i++) {
		snprintf(line, sizeof(line), "0> 40 { %04x }", i);
		say(&w, line);
	}
	for (int i = 0; i < MQTT_INFLIGHT_MAX + 12 + 40; i++) {
		snprintf(line, sizeof(line), "%04d", i);
		assert_memory_equal(buf_data(&w.clients[0].seen) + 11 * i + 7, line, 4);
	}
	world_fini(&w);
}

/* More in flight than fits into the buffer of a new connection: sent again piece by piece, what is
 * acknowledged meanwhile left out, dup set even if it did not get out the second time. */
static void test_resend_in_pieces(void **state)
{
	struct world w;
	struct buf *seen;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	seen = &w.clients[0].seen;
	say(&w, KEEP_A);
	say(&w, "0> 82 { 0001 s't' 01 }");
	say(&w, CONNECT_B);
	for (int i = 0; i < 20; i++)
		say(&w, "1> 32 { s't' 0001 'x'*50000 }");
	buf_clear(seen);
	say(&w, "0x");
	assert_int_equal(world_open(&w, 0, 0), 0);
	say(&w, "0s");
	say(&w, KEEP_A); /* nine of them fit */
	say(&w, "0x");
	assert_int_equal(world_open(&w, 0, 0), 0);
	say(&w, "0s");
	say(&w, KEEP_A);
	say(&w, "0> 40 { 0013 }"); /* one that is not yet sent again */
	say(&w, "0g");
	assert_int_equal(buf_len(seen), 4 + 19 * 50009);
	for (size_t i = 0; i < 19; i++) {
		const uint8_t *p = buf_data(seen) + 4 + i * 50009;

		assert_int_equal(p[0], 0x3a);
		assert_int_equal(p[4 + 3], 0);
		assert_int_equal(p[4 + 4], i < 18 ? i + 1 : 20);
	}
	buf_clear(seen);
	say(&w, "1> 32 { s't' 0001 'y' }");
	say(&w, "0< 32 { s't' 0015 'y' }");
	world_fini(&w);
}

/* Identifiers begin anew after 65535, and those in use are left out [MQTT-2.3.1-2, -4]. */
static void test_packet_ids_wrap(void **state)
{
	struct world w;
	uint8_t ack[] = { 0x40, 2, 0, 0 };

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, CONNECT_A);
	say(&w, "0> 82 { 0001 s't' 01 }");
	say(&w, CONNECT_B);
	for (uint32_t i = 1; i <= 65537; i++) {
		uint32_t id = i <= 65535 ? i : i - 65535 + 1; /* 1 is never acknowledged */
		const uint8_t *p;

		buf_clear(&w.clients[0].seen);
		world_send(&w, 1, (const uint8_t *)"\x32\5\0\1t\0\1", 7);
		world_turn(&w);
		p = buf_data(&w.clients[0].seen);
		assert_int_equal(buf_len(&w.clients[0].seen), 7);
		assert_int_equal(p[5] << 8 | p[6], id);
		memcpy(ack + 2, p + 5, 2);
		if (i > 1)
			world_send(&w, 0, ack, sizeof(ack));
	}
	world_fini(&w);
}

/* Acknowledgements that do not fit into the buffer at commit get out when there is room. */
static void test_acks_wait_for_room(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, CONNECT_A);
	say(&w, "0> 82 { 0001 s't' 00 }");
	buf_clear(&w.clients[0].seen);
	say(&w, "0s");
	for (int i = 0; i < 9; i++)
		say(&w, "0> 30 { s't' 'x'*50000 }");
	for (int i = 0; i < 20000; i++)
		world_send(&w, 0, (const uint8_t *)"\x32\5\0\1u\0\1", 7);
	world_turn(&w);
	assert_int_equal(w.publish_count, 20009);
	assert_false(w.clients[0].is_closed);
	say(&w, "0g");
	assert_int_equal(buf_len(&w.clients[0].seen),
	    (MQTT_CLIENT_OUT_MAX - MQTT_OUT_RESERVE) / 50007 * 50007 + 20000 * 4);
	world_fini(&w);
}

static void test_paused_rx_max(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, CONNECT_A);
	say(&w, "v hold");
	say(&w, "0> 30 { s't' 'x'*50000 }");
	say(&w, "0p");
	for (int i = 0; i < 5; i++)
		say(&w, "0> 30 { s't' 'x'*50000 }");
	assert_false(w.clients[0].is_closed);
	say(&w, "0> 30 { s't' 'x'*50000 }");
	say(&w, "0! TOO_LARGE");
	world_fini(&w);
}

static void test_packet_max(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, CONNECT_A);
	say(&w, HELLO_A);
	say(&w, "0> 82 { 0001 s't' 01 }");
	say(&w, "0< 90 { 0001 01 }");
	say(&w, "0> 32 { s't' 0001 'x'*262135 }");
	say(&w, "0< 32 { s't' 0001 'x'*262135 } 40020001");
	say(&w, "0> 32 { s't' 0001 'x'*262136 }");
	say(&w, "0! TOO_LARGE");
	world_fini(&w);
}

static void test_retained_max(void **state)
{
	struct world w;
	char line[64];

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, CONNECT_A);
	say(&w, HELLO_A);
	for (int i = 0; i < MQTT_RETAINED_MAX + 3; i++) {
		snprintf(line, sizeof(line), "0> 31 { s'%05d' 'x' }", i);
		say(&w, line);
	}
	assert_int_equal(mqtt_server_counters(w.server)->dropped_retained, 3);
	say(&w, "0> 31 { s'00001' }"); /* room for one */
	say(&w, "0> 31 { s'other' 'x' }");
	assert_int_equal(mqtt_server_counters(w.server)->dropped_retained, 3);
	say(&w, "0> 82 { 0001 s'#' 00 }");
	assert_int_equal(buf_len(&w.clients[0].seen), 5 + MQTT_RETAINED_MAX * 10);
	buf_clear(&w.clients[0].seen);
	for (int i = 0; i < 60; i++) {
		snprintf(line, sizeof(line), "0> 31 { s'%05d' 'x'*200000 }", i);
		say(&w, line);
	}
	assert_true(mqtt_server_kept_bytes(w.server) <= MQTT_RETAINED_BYTES_MAX);
	assert_true(mqtt_server_counters(w.server)->dropped_retained > 3);
	world_fini(&w);
}

static void test_wills_max(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	w.verdict = MQTT_HOLD;
	for (int i = 0; i < MQTT_WILLS_MAX + 2; i++) {
		say(&w, "0> 10 { s'MQTT' 04 06 0000 s'a' s'w' s'gone' }");
		say(&w, "0x");
	}
	assert_int_equal(mqtt_server_counters(w.server)->dropped_queue, 2);
	w.verdict = MQTT_ACCEPT;
	say(&w, "h");
	assert_int_equal(w.will_count, MQTT_WILLS_MAX);
	world_fini(&w);
}

/* What the daemon itself publishes: any topic, to whoever subscribed, retained. */
static void test_own_messages(void **state)
{
	struct mqtt_msg *m = mqtt_msg_new("$SYS/x", 6, "1", 1, 1, true);
	struct world w;

	(void)state;
	assert_non_null(m);
	assert_true(world_init(&w, listeners, 1));
	say(&w, CONNECT_A);
	say(&w, HELLO_A);
	say(&w, "0> 82 { 0001 s'$SYS/#' 01 s'#' 01 }");
	say(&w, "0< 90 { 0001 0101 }");
	mqtt_server_publish(w.server, 0, m);
	world_turn(&w);
	say(&w, "0< 32 { s'$SYS/x' 0001 '1' }");
	say(&w, CONNECT_B);
	say(&w, "1> 82 { 0001 s'#' 00 s'$SYS/+' 00 }");
	say(&w, "1< 20020000 90 { 0001 0000 } 31 { s'$SYS/x' '1' }");
	assert_int_equal(mqtt_server_clients(w.server, 0), 2);
	mqtt_msg_unref(m);
	world_fini(&w);
}

static void test_shutdown(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, listeners, 1));
	say(&w, "0> 10 { s'MQTT' 04 06 0000 s'a' s'w' s'gone' }");
	say(&w, CONNECT_B);
	mqtt_server_shutdown(w.server, 0);
	world_turn(&w);
	say(&w, "0! SHUTDOWN");
	say(&w, "1! SHUTDOWN");
	assert_int_equal(w.publish_count, 0);
	assert_int_equal(mqtt_server_clients(w.server, 0), 0);
	assert_int_equal(mqtt_server_deadline(w.server), UINT64_MAX);
	world_fini(&w);
}

static void test_set_listeners(void **state)
{
	static const struct mqtt_listener closed = { .address = "closed" };
	struct world w;

	(void)state;
	assert_true(world_init(&w, listeners, 3));
	say(&w, CONNECT_A);
	say(&w, HELLO_A);
	say(&w, "1o 2");
	say(&w, CONNECT_B);
	mqtt_server_set_listeners(w.server, 0, &closed, 1);
	world_turn(&w);
	say(&w, "1! SHUTDOWN");
	say(&w, "0> c000");
	say(&w, "0< d000");
	say(&w, "2> 10 { s'MQTT' 04 02 0000 s'c' }");
	say(&w, "2< 20020005");
	world_fini(&w);
}

/* ---- QoS 2 over connections that break ---- */

#define MESSAGES 60
#define WINDOW   5

/* A client that does QoS 2 by the book, in both directions, with a memory that outlives its
 * connections. */
struct peer {
	size_t index; /* in the world */
	const char *id;
	struct buf rx;
	/* as publisher */
	unsigned next; /* number of the next new message */
	struct {
		uint16_t id; /* 0: free */
		unsigned number;
		bool is_released; /* PUBREC came */
	} window[WINDOW];
	size_t in_window;
	uint16_t last_id;
	/* as subscriber */
	bool remembers[65536];
	unsigned got; /* messages so far: the number expected next */
	bool is_connected;
};

static void peer_send(struct world *w, const struct peer *p, const char *format, ...)
{
	static uint8_t bytes[NOTATION_MAX];
	char line[128];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	world_send(w, p->index, bytes, notation_read(line, bytes));
}

static void peer_publish(struct world *w, const struct peer *p, size_t i, bool is_dup)
{
	unsigned number = p->window[i].number;

	if (p->window[i].is_released)
		peer_send(w, p, "62 { %04x }", p->window[i].id);
	else
		peer_send(
		    w, p, "%s { s't' %04x '%04u' }", is_dup ? "3c" : "34", p->window[i].id, number);
}

static void peer_connect(struct world *w, struct peer *p)
{
	assert_int_equal(world_open(w, p->index, 0), 0);
	buf_clear(&p->rx);
	buf_clear(&w->clients[p->index].seen);
	p->is_connected = true;
	peer_send(w, p, "10 { s'MQTT' 04 00 0000 s'%s' }", p->id);
	for (size_t i = 0; i < p->in_window; i++)
		peer_publish(w, p, i, true);
}

static void peer_ack(struct world *w, struct peer *p, uint8_t type, uint16_t id)
{
	size_t i = 0;

	while (i < p->in_window && p->window[i].id != id)
		i++;
	if (i == p->in_window)
		return;
	if (type == 5) {
		p->window[i].is_released = true;
		peer_send(w, p, "62 { %04x }", id);
		return;
	}
	assert_true(p->window[i].is_released);
	p->in_window--;
	memmove(&p->window[i], &p->window[i + 1], (p->in_window - i) * sizeof(p->window[0]));
}

static void peer_packet(struct world *w, struct peer *p, const uint8_t *data)
{
	uint8_t type = data[0] >> 4;

	if (type == 3) { /* 3x 09 0001 't' id id 'nnnn' */
		uint16_t id = (uint16_t)(data[5] << 8 | data[6]);

		assert_int_equal((data[0] >> 1) & 3, 2);
		if (!p->remembers[id]) {
			char expected[5];

			snprintf(expected, sizeof(expected), "%04u", p->got);
			assert_memory_equal(data + 7, expected, 4);
			p->got++;
			p->remembers[id] = true;
		}
		peer_send(w, p, "50 { %04x }", id);
	} else if (type == 6) {
		uint16_t id = (uint16_t)(data[2] << 8 | data[3]);

		p->remembers[id] = false;
		peer_send(w, p, "70 { %04x }", id);
	} else if (type == 5 || type == 7) {
		peer_ack(w, p, type, (uint16_t)(data[2] << 8 | data[3]));
	}
}

static void peer_work(struct world *w, struct peer *p)
{
	struct buf *seen = &w->clients[p->index].seen;

	assert_int_equal(buf_append(&p->rx, buf_data(seen), buf_len(seen)), 0);
	buf_clear(seen);
	while (buf_len(&p->rx) >= 2 && buf_len(&p->rx) >= 2U + buf_data(&p->rx)[1]) {
		size_t len = 2U + buf_data(&p->rx)[1];

		peer_packet(w, p, buf_data(&p->rx));
		buf_consume(&p->rx, len);
	}
}

static void peer_offer(struct world *w, struct peer *p)
{
	size_t i = p->in_window;

	if (i == WINDOW || p->next == MESSAGES)
		return;
	p->last_id = (uint16_t)(p->last_id % 20 + 1); /* used again soon */
	for (size_t k = 0; k < i; k++) {
		if (p->window[k].id == p->last_id)
			return;
	}
	p->window[i].id = p->last_id;
	p->window[i].number = p->next++;
	p->window[i].is_released = false;
	p->in_window++;
	peer_publish(w, p, i, false);
}

/* The connection breaks; of what was written for the client, only a part gets through. */
static void peer_lose(struct world *w, struct peer *p, struct prng *r)
{
	struct buf *seen = &w->clients[p->index].seen;
	struct buf part;

	buf_init(&part, SIZE_MAX / 2);
	assert_int_equal(buf_append(&part, buf_data(seen), prng_range(r, 0, buf_len(seen))), 0);
	buf_clear(seen);
	assert_int_equal(buf_append(seen, buf_data(&part), buf_len(&part)), 0);
	buf_fini(&part);
	peer_work(w, p); /* its answers are lost with the connection, what it learned is not */
	world_lose(w, p->index);
	p->is_connected = false;
}

static void count_in_order(void *arg, const struct mqtt_msg *m)
{
	unsigned *count = arg;
	char expected[5];

	snprintf(expected, sizeof(expected), "%04u", *count);
	assert_int_equal(m->payload_len, 4);
	assert_memory_equal(mqtt_msg_payload(m), expected, 4);
	(*count)++;
}

static void run_exactly_once(uint64_t seed)
{
	static struct peer peers[2];
	unsigned accepted = 0, rounds = 0;
	struct world w;
	struct prng r;

	prng_init(&r, seed);
	assert_true(world_init(&w, listeners, 1));
	w.on_publish = count_in_order;
	w.on_publish_arg = &accepted;
	memset(peers, 0, sizeof(peers));
	for (size_t i = 0; i < 2; i++) {
		peers[i].index = i;
		peers[i].id = i ? "sub" : "pub";
		buf_init(&peers[i].rx, SIZE_MAX / 2);
		peer_connect(&w, &peers[i]);
	}
	peer_send(&w, &peers[1], "82 { 0001 s't' 02 }");
	world_turn(&w);
	while (peers[1].got < MESSAGES || peers[0].in_window > 0) {
		struct peer *p = &peers[prng_range(&r, 0, 1)];

		assert_true(rounds++ < 100000);
		w.verdict = prng_chance(&r, 150) ? MQTT_HOLD : MQTT_ACCEPT;
		w.is_commit_off = prng_chance(&r, 300);
		if (!p->is_connected) {
			peer_connect(&w, p);
		} else if (prng_chance(&r, 100)) {
			peer_lose(&w, p, &r);
		} else {
			peer_work(&w, p);
			if (p == &peers[0])
				peer_offer(&w, p);
		}
		if (prng_chance(&r, 500))
			mqtt_server_resume_held(w.server, 0);
		if (prng_chance(&r, 700))
			world_turn(&w);
	}
	assert_int_equal(accepted, MESSAGES);
	assert_int_equal(peers[1].got, MESSAGES);
	for (size_t i = 0; i < 2; i++)
		buf_fini(&peers[i].rx);
	world_fini(&w);
}

static void test_exactly_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 150; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		run_exactly_once(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogues),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_many_writes_are_one_event),
		cmocka_unit_test(test_clients_max),
		cmocka_unit_test(test_sessions_max),
		cmocka_unit_test(test_subscriptions_max),
		cmocka_unit_test(test_queue_max),
		cmocka_unit_test(test_queue_bytes_max),
		cmocka_unit_test(test_kept_bytes_max),
		cmocka_unit_test(test_slow_client),
		cmocka_unit_test(test_deaf_client),
		cmocka_unit_test(test_held_is_offered_when_asked),
		cmocka_unit_test(test_keepalive_sees_unread_packets),
		cmocka_unit_test(test_queue_grows_in_order),
		cmocka_unit_test(test_resend_in_pieces),
		cmocka_unit_test(test_packet_ids_wrap),
		cmocka_unit_test(test_acks_wait_for_room),
		cmocka_unit_test(test_paused_rx_max),
		cmocka_unit_test(test_packet_max),
		cmocka_unit_test(test_retained_max),
		cmocka_unit_test(test_wills_max),
		cmocka_unit_test(test_own_messages),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_set_listeners),
		cmocka_unit_test(test_exactly_once),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

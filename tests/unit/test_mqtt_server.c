/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local MQTT server: dialogues byte by byte (mqtt_dialogue.h), and limits.
 */
#include "mqtt_dialogue.h"
#include "mqtt_listeners.h"

#include <errno.h>

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

static void test_dialogues(void **state)
{
	(void)state;
	for (size_t d = 0; d < COUNT(dialogues); d++) {
		struct world w;

		print_message("%s\n", dialogues[d].name);
		assert_true(world_init(&w, mqtt_listeners, 3));
		for (size_t i = 0; i < COUNT(dialogues[d].lines) && dialogues[d].lines[i]; i++)
			dialogue_say(&w, dialogues[d].lines[i]);
		for (size_t i = 0; i < WORLD_CLIENTS; i++)
			dialogue_expect(&w, i, "", "(end)");
		world_fini(&w);
	}
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

			assert_true(world_init(&w, mqtt_listeners, 3));
			assert_int_equal(world_open(&w, 0, 0), 0);
			if (i > 0) {
				dialogue_say(&w, CONNECT_A);
				dialogue_say(&w, HELLO_A);
			}
			world_send(&w, 0, bytes, cut);
			world_turn(&w);
			dialogue_say(&w, "0<");
			dialogue_say(&w, "n 0");
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
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, CONNECT_B);
	dialogue_say(&w, "1> 82 { 0001 s't' 00 }");
	w.clients[1].writes = 0;
	for (int i = 0; i < 50; i++)
		world_send(
		    &w, 0, dialogue_packet, notation_read("30 { s't' 'x' }", dialogue_packet));
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
	assert_true(world_init(&w, mqtt_listeners, 1));
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
	assert_true(world_init(&w, mqtt_listeners, 1));
	for (int i = 0; i < MQTT_SESSIONS_MAX; i++) {
		snprintf(line, sizeof(line), "0> 10 { s'MQTT' 04 00 0000 s's%d' }", i);
		dialogue_say(&w, line);
		dialogue_say(&w, HELLO_A);
		dialogue_say(&w, "0x");
	}
	dialogue_say(&w, "0> 10 { s'MQTT' 04 02 0000 s'more' }");
	dialogue_say(&w, "0< 20020003");
	dialogue_say(&w, "0! REFUSED");
	dialogue_say(&w, "0> 10 { s'MQTT' 04 00 0000 s's7' }");
	dialogue_say(&w, AGAIN_A);
	world_fini(&w);
}

static void test_subscriptions_max(void **state)
{
	static char line[64 + 300 * 20];
	struct world w;
	size_t len, n;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, HELLO_A);
	n = (size_t)snprintf(line, sizeof(line), "0> 82 { 0001");
	for (int i = 0; i < 300; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, " s't/%d' 01", i);
	snprintf(line + n, sizeof(line) - n, " }");
	dialogue_say(&w, line);
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
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, "0> 82 { 0001 s't' 01 }");
	dialogue_say(&w, "0x");
	buf_clear(&w.clients[0].seen);
	dialogue_say(&w, CONNECT_B);
	for (int i = 0; i < MQTT_QUEUE_MAX + 7; i++) {
		snprintf(line, sizeof(line), "1> 32 { s't' 0001 '%05d' }", i);
		dialogue_say(&w, line);
	}
	assert_int_equal(mqtt_server_counters(w.server)->dropped[MQTT_DROP_QUEUE], 7);
	assert_true(mqtt_server_kept_bytes(w.server) >= 5 * MQTT_QUEUE_MAX);
	dialogue_say(&w, KEEP_A);
	/* CONNACK and a window full of them */
	assert_int_equal(buf_len(&w.clients[0].seen), 4 + MQTT_INFLIGHT_MAX * 12);
	for (int i = 0; i < MQTT_QUEUE_MAX; i++) {
		uint8_t *p = w.clients[0].seen.mem + w.clients[0].seen.start + 4 + 12 * i;

		snprintf(line, sizeof(line), "%05d", i);
		assert_memory_equal(p + 7, line, 5);
		snprintf(line, sizeof(line), "0> 40 { %02x%02x }", p[5], p[6]);
		dialogue_say(&w, line);
	}
	assert_int_equal(buf_len(&w.clients[0].seen), 4 + MQTT_QUEUE_MAX * 12);
	assert_int_equal(mqtt_server_kept_bytes(w.server), 0);
	world_fini(&w);
}

static void test_queue_bytes_max(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, "0> 82 { 0001 s't' 01 }");
	dialogue_say(&w, "0x");
	dialogue_say(&w, CONNECT_B);
	for (int i = 0; i < 30; i++)
		dialogue_say(&w, "1> 32 { s't' 0001 'x'*200000 }");
	assert_in_range(
	    mqtt_server_kept_bytes(w.server), MQTT_QUEUE_BYTES_MAX - 200100, MQTT_QUEUE_BYTES_MAX);
	assert_int_equal(mqtt_server_counters(w.server)->dropped[MQTT_DROP_QUEUE], 10);
	world_fini(&w);
}

static void test_kept_bytes_max(void **state)
{
	struct world w;
	char line[64];

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	for (int i = 0; i < 20; i++) {
		snprintf(line, sizeof(line), "0> 10 { s'MQTT' 04 00 0000 s's%d' }", i);
		dialogue_say(&w, line);
		dialogue_say(&w, "0> 82 { 0001 s't' 01 }");
		dialogue_say(&w, "0x");
	}
	dialogue_say(&w, CONNECT_B);
	for (int i = 0; i < 25; i++)
		dialogue_say(&w, "1> 32 { s't' 0001 'x'*200000 }");
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
	assert_true(world_init(&w, mqtt_listeners, 1));
	n = mqtt_server_counters(w.server);
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, "0> 82 { 0001 s'#' 01 }");
	dialogue_say(&w, CONNECT_B);
	buf_clear(&w.clients[0].seen);
	dialogue_say(&w, "0s");
	for (int i = 0; i < 30; i++)
		dialogue_say(&w, "1> 30 { s't' 'x'*50000 }");
	assert_int_equal(
	    n->dropped[MQTT_DROP_SLOW], 30 - (MQTT_CLIENT_OUT_MAX - MQTT_OUT_RESERVE) / 50007);
	for (int i = 0; i < 30; i++)
		dialogue_say(&w, "1> 32 { s'u' 0001 'y'*50000 }");
	kept = mqtt_server_kept_bytes(w.server);
	assert_true(kept > 30 * 50000);
	assert_false(w.clients[0].is_closed);
	assert_in_range(buf_len(mqtt_server_client_out(w.server, w.clients[0].number)), 1,
	    MQTT_CLIENT_OUT_MAX - MQTT_OUT_RESERVE);
	dialogue_say(&w, "0g");
	assert_int_equal(buf_len(&w.clients[0].seen),
	    (MQTT_CLIENT_OUT_MAX - MQTT_OUT_RESERVE) / 50007 * 50007 + 30 * 50009);
	assert_int_equal(n->dropped[MQTT_DROP_QUEUE], 0);
	world_fini(&w);
}

/* One that sends and sends and does not read even the answers is closed in the end. */
static void test_deaf_client(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, "0s");
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
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, "v hold");
	dialogue_say(&w, "0> 30 { s't' 'x' }");
	assert_int_equal(w.offer_count, 1);
	dialogue_say(&w, "0> c000");
	dialogue_say(&w, "0> c000");
	assert_int_equal(w.offer_count, 1);
	dialogue_say(&w, "h");
	assert_int_equal(w.offer_count, 2);
	world_fini(&w);
}

/* The packet is there in time, but the tick comes before it is looked at. */
static void test_keepalive_sees_unread_packets(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, "0> 10 { s'MQTT' 04 02 000a s'a' }");
	dialogue_say(&w, HELLO_A);
	w.now_ms = 15000;
	world_send(&w, 0, (const uint8_t *)"\xc0\0", 2);
	mqtt_server_tick(w.server, w.now_ms);
	world_turn(&w);
	dialogue_say(&w, "0< d000");
	dialogue_say(&w, "t 14999");
	assert_false(w.clients[0].is_closed);
	dialogue_say(&w, "t 1");
	dialogue_say(&w, "0! KEEPALIVE");
	world_fini(&w);
}

/* The queue is a ring: it grows while its first element is somewhere in the middle. */
static void test_queue_grows_in_order(void **state)
{
	struct world w;
	char line[64];

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, "0> 82 { 0001 s't' 01 }");
	dialogue_say(&w, CONNECT_B);
	buf_clear(&w.clients[0].seen);
	for (int i = 0; i < MQTT_INFLIGHT_MAX + 12 + 40; i++) {
		snprintf(line, sizeof(line), "1> 32 { s't' 0001 '%04d' }", i);
		dialogue_say(&w, line);
		if (i == MQTT_INFLIGHT_MAX + 12)
			dialogue_say(
			    &w, "0> 40020001 40020002 40020003 40020004 40020005 40020006");
	}
	for (int i = 7; i <= MQTT_INFLIGHT_MAX + 12 + 40; i++) {
		snprintf(line, sizeof(line), "0> 40 { %04x }", i);
		dialogue_say(&w, line);
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
	assert_true(world_init(&w, mqtt_listeners, 1));
	seen = &w.clients[0].seen;
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, "0> 82 { 0001 s't' 01 }");
	dialogue_say(&w, CONNECT_B);
	for (int i = 0; i < 20; i++)
		dialogue_say(&w, "1> 32 { s't' 0001 'x'*50000 }");
	buf_clear(seen);
	dialogue_say(&w, "0x");
	assert_int_equal(world_open(&w, 0, 0), 0);
	dialogue_say(&w, "0s");
	dialogue_say(&w, KEEP_A); /* nine of them fit */
	dialogue_say(&w, "0x");
	assert_int_equal(world_open(&w, 0, 0), 0);
	dialogue_say(&w, "0s");
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, "0> 40 { 0013 }"); /* one that is not yet sent again */
	dialogue_say(&w, "0g");
	assert_int_equal(buf_len(seen), 4 + 19 * 50009);
	for (size_t i = 0; i < 19; i++) {
		const uint8_t *p = buf_data(seen) + 4 + i * 50009;

		assert_int_equal(p[0], 0x3a);
		assert_int_equal(p[4 + 3], 0);
		assert_int_equal(p[4 + 4], i < 18 ? i + 1 : 20);
	}
	buf_clear(seen);
	dialogue_say(&w, "1> 32 { s't' 0001 'y' }");
	dialogue_say(&w, "0< 32 { s't' 0015 'y' }");
	world_fini(&w);
}

/* Identifiers begin anew after 65535, and those in use are left out [MQTT-2.3.1-2, -4]. */
static void test_packet_ids_wrap(void **state)
{
	struct world w;
	uint8_t ack[] = { 0x40, 2, 0, 0 };

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, "0> 82 { 0001 s't' 01 }");
	dialogue_say(&w, CONNECT_B);
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
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, "0> 82 { 0001 s't' 00 }");
	buf_clear(&w.clients[0].seen);
	dialogue_say(&w, "0s");
	for (int i = 0; i < 9; i++)
		dialogue_say(&w, "0> 30 { s't' 'x'*50000 }");
	for (int i = 0; i < 20000; i++)
		world_send(&w, 0, (const uint8_t *)"\x32\5\0\1u\0\1", 7);
	world_turn(&w);
	assert_int_equal(w.publish_count, 20009);
	assert_false(w.clients[0].is_closed);
	dialogue_say(&w, "0g");
	assert_int_equal(buf_len(&w.clients[0].seen),
	    (MQTT_CLIENT_OUT_MAX - MQTT_OUT_RESERVE) / 50007 * 50007 + 20000 * 4);
	world_fini(&w);
}

static void test_paused_rx_max(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, "v hold");
	dialogue_say(&w, "0> 30 { s't' 'x'*50000 }");
	dialogue_say(&w, "0p");
	for (int i = 0; i < 5; i++)
		dialogue_say(&w, "0> 30 { s't' 'x'*50000 }");
	assert_false(w.clients[0].is_closed);
	dialogue_say(&w, "0> 30 { s't' 'x'*50000 }");
	dialogue_say(&w, "0! TOO_LARGE");
	world_fini(&w);
}

static void test_packet_max(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, HELLO_A);
	dialogue_say(&w, "0> 82 { 0001 s't' 01 }");
	dialogue_say(&w, "0< 90 { 0001 01 }");
	dialogue_say(&w, "0> 32 { s't' 0001 'x'*262135 }");
	dialogue_say(&w, "0< 32 { s't' 0001 'x'*262135 } 40020001");
	dialogue_say(&w, "0> 32 { s't' 0001 'x'*262136 }");
	dialogue_say(&w, "0! TOO_LARGE");
	world_fini(&w);
}

static void test_retained_max(void **state)
{
	struct world w;
	char line[64];

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, HELLO_A);
	for (int i = 0; i < MQTT_RETAINED_MAX + 3; i++) {
		snprintf(line, sizeof(line), "0> 31 { s'%05d' 'x' }", i);
		dialogue_say(&w, line);
	}
	assert_int_equal(mqtt_server_counters(w.server)->dropped[MQTT_DROP_RETAINED], 3);
	dialogue_say(&w, "0> 31 { s'00001' }"); /* room for one */
	dialogue_say(&w, "0> 31 { s'other' 'x' }");
	assert_int_equal(mqtt_server_counters(w.server)->dropped[MQTT_DROP_RETAINED], 3);
	dialogue_say(&w, "0> 82 { 0001 s'#' 00 }");
	assert_int_equal(buf_len(&w.clients[0].seen), 5 + MQTT_RETAINED_MAX * 10);
	buf_clear(&w.clients[0].seen);
	for (int i = 0; i < 60; i++) {
		snprintf(line, sizeof(line), "0> 31 { s'%05d' 'x'*200000 }", i);
		dialogue_say(&w, line);
	}
	assert_true(mqtt_server_kept_bytes(w.server) <= MQTT_RETAINED_BYTES_MAX);
	assert_true(mqtt_server_counters(w.server)->dropped[MQTT_DROP_RETAINED] > 3);
	world_fini(&w);
}

static void test_wills_max(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	w.verdict = MQTT_HOLD;
	for (int i = 0; i < MQTT_WILLS_MAX + 2; i++) {
		dialogue_say(&w, "0> 10 { s'MQTT' 04 06 0000 s'a' s'w' s'gone' }");
		dialogue_say(&w, "0x");
	}
	assert_int_equal(mqtt_server_counters(w.server)->dropped[MQTT_DROP_QUEUE], 2);
	w.verdict = MQTT_ACCEPT;
	dialogue_say(&w, "h");
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
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, HELLO_A);
	dialogue_say(&w, "0> 82 { 0001 s'$SYS/#' 01 s'#' 01 }");
	dialogue_say(&w, "0< 90 { 0001 0101 }");
	mqtt_server_publish(w.server, 0, m);
	world_turn(&w);
	dialogue_say(&w, "0< 32 { s'$SYS/x' 0001 '1' }");
	dialogue_say(&w, CONNECT_B);
	dialogue_say(&w, "1> 82 { 0001 s'#' 00 s'$SYS/+' 00 }");
	dialogue_say(&w, "1< 20020000 90 { 0001 0000 } 31 { s'$SYS/x' '1' }");
	assert_int_equal(mqtt_server_clients(w.server, 0), 2);
	mqtt_msg_unref(m);
	world_fini(&w);
}

static void test_shutdown(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, "0> 10 { s'MQTT' 04 06 0000 s'a' s'w' s'gone' }");
	dialogue_say(&w, CONNECT_B);
	mqtt_server_shutdown(w.server, 0);
	world_turn(&w);
	dialogue_say(&w, "0! SHUTDOWN");
	dialogue_say(&w, "1! SHUTDOWN");
	assert_int_equal(w.publish_count, 0);
	assert_int_equal(mqtt_server_clients(w.server, 0), 0);
	assert_int_equal(mqtt_server_deadline(w.server), UINT64_MAX);
	world_fini(&w);
}

/* Clients stay with the listener of their address, wherever it is in the list. */
static void test_set_listeners(void **state)
{
	const struct mqtt_listener next[] = { mqtt_listeners[1], { .address = "open" } };
	struct world w;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 3));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, HELLO_A);
	dialogue_say(&w, "1o 2");
	dialogue_say(&w, CONNECT_B);
	mqtt_server_set_listeners(w.server, 0, next, 2);
	world_turn(&w);
	dialogue_say(&w, "1! SHUTDOWN");
	assert_int_equal(mqtt_server_clients(w.server, 0), 0);
	assert_int_equal(mqtt_server_clients(w.server, 1), 1);
	dialogue_say(&w, "0> 82 { 0001 s't' 00 } 30 { s't' 'x' }");
	dialogue_say(&w, "0< 90 { 0001 00 } 30 { s't' 'x' }");
	dialogue_say(&w, "2o 1");
	dialogue_say(&w, "2> 10 { s'MQTT' 04 02 0000 s'c' }");
	dialogue_say(&w, "2< 20020005");
	world_fini(&w);
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
	};

	return cmocka_run_group_tests(tests, mqtt_listeners_make, mqtt_listeners_free);
}

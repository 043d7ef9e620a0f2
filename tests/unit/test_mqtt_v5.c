/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local server and MQTT 5.0: what it does otherwise than with MQTT 3.1.1, rule by rule. Clauses
 * are those of MQTT 5.0. Dialogues are written as in mqtt_dialogue.h.
 */
#include "mqtt/mqtt_retain.h"
#include "mqtt_dialogue.h"
#include "mqtt_listeners.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Clean start; the session ends with the connection; reasons are wanted as numbers alone. */
#define CONNECT_A "0> 10 { s'MQTT' 05 02 0000 02 17 00 s'a' }"
#define CONNECT_B "1> 10 { s'MQTT' 05 02 0000 02 17 00 s'b' }"
/* A session that goes on, for 100 seconds without its client. */
#define KEEP_A       "0> 10 { s'MQTT' 05 00 0000 07 11 00000064 17 00 s'a' }"
#define OLD_B        "1> 10 { s'MQTT' 04 02 0000 s'b' }" /* MQTT 3.1.1 */
#define CONNACK      "20 { 00 00 0d 21 0400 27 00040000 22 0010 2a 00 }"
#define HELLO_A      "0< " CONNACK
#define HELLO_B      "1< " CONNACK
#define HELLO_OLD    "1< 20020000"
#define AGAIN        "20 { 01 00 0d 21 0400 27 00040000 22 0010 2a 00 }"
#define AGAIN_A      "0< " AGAIN
#define SUB_A(qos)   "0> 82 { 0001 00 s't' " qos " }"
#define GOT_SUB(qos) "0< 90 { 0001 00 " qos " }"

static const struct dialogue {
	const char *name;
	const char *lines[28];
} dialogues[] = {
	/* ---- CONNECT ---- */
	{ "what the server has and has not (3.2.2.3)",
	    { CONNECT_A, HELLO_A, "0> e0 {}", "0! NORMAL", "e +a -a" } },
	{ "an identifier is assigned, clean start or not [MQTT-3.1.3-6, 3.2.2-16]",
	    { "0> 10 { s'MQTT' 05 00 0000 00 s'' }",
		"0< 20 { 00 00 16 21 0400 27 00040000 22 0010 2a 00 12 s'auto-1' }" } },
	{ "authentication method [MQTT-4.12.0-1]", { "0> 10 { s'MQTT' 05 02 0000 04 15 s'x' s'a' }",
						       "0< 20 { 00 8c 00 }", "0! REFUSED" } },
	{ "malformed: CONNACK with 0x81 (4.13.1)",
	    { "0> 10 { s'MQTT' 05 02 0000 02 01 00 s'a' }", "0< 20 { 00 81 00 }", "0! REFUSED" } },
	{ "protocol error: CONNACK with 0x82 (4.13.1)",
	    { "0> 10 { s'MQTT' 05 02 0000 03 21 0000 s'a' }", "0< 20 { 00 82 00 }",
		"0! REFUSED" } },
	{ "identifier too long",
	    { "0> 10 { s'MQTT' 05 02 0000 00 s'i'*257 }", "0< 20 { 00 85 00 }", "0! REFUSED" } },
	{ "not allowed in", { "0o 1", CONNECT_A, "0< 20 { 00 87 00 }", "0! REFUSED" } },
	{ "a password without a user is nobody's",
	    { "0o 1", "0> 10 { s'MQTT' 05 42 0000 00 s'a' s'secret' }", "0< 20 { 00 87 00 }",
		"0! REFUSED" } },
	{ "will topic with wildcard", { "0> 10 { s'MQTT' 05 06 0000 00 s'a' 00 s'w/#' s'x' }",
					  "0< 20 { 00 90 00 }", "0! REFUSED" } },
	{ "will that is no text (3.1.3.2.3)",
	    { "0> 10 { s'MQTT' 05 06 0000 00 s'a' 02 01 01 s'w' 0001 ff }", "0< 20 { 00 99 00 }",
		"0! REFUSED" } },
	{ "CONNACK is more than the client takes [MQTT-3.1.2-24]",
	    { "0> 10 { s'MQTT' 05 02 0000 05 27 00000011 s'a' }", "0<", "0! REFUSED",
		"1> 10 { s'MQTT' 05 02 0000 05 27 00000012 s'b' }", HELLO_B } },

	/* ---- sessions (3.1.2.11.2) ---- */
	{ "a session goes on for its time", { KEEP_A, HELLO_A, "0x", "t 99999", KEEP_A, AGAIN_A,
						"0x", "t 100000", KEEP_A, HELLO_A } },
	{ "and not while its client is there", { KEEP_A, HELLO_A, "0x", "t 50000", KEEP_A, AGAIN_A,
						   "t 1000000", "0> c000", "0< d000" } },
	{ "without expiry it ends with its connection",
	    { "0> 10 { s'MQTT' 05 00 0000 00 s'a' }", HELLO_A, "0x",
		"0> 10 { s'MQTT' 05 00 0000 00 s'a' }", HELLO_A } },
	{ "for ever", { "0> 10 { s'MQTT' 05 00 0000 05 11 ffffffff s'a' }", HELLO_A, "0x",
			  "t 10000000000", KEEP_A, AGAIN_A } },
	{ "clean start begins anew, and can be kept [MQTT-3.1.2-4]",
	    { KEEP_A, HELLO_A, SUB_A("01"), GOT_SUB("01"), "0x",
		"0> 10 { s'MQTT' 05 02 0000 05 11 00000064 s'a' }", HELLO_A, "0x", OLD_B, HELLO_OLD,
		"1> 32 { s't' 0001 'x' }", "1< 40020001", KEEP_A, AGAIN_A } },
	{ "DISCONNECT with another expiry (3.14.2.2.2)",
	    { KEEP_A, HELLO_A, "0> e0 { 00 05 11 00000005 }", "0! NORMAL", "t 4999", KEEP_A,
		AGAIN_A, "0> e0 { 00 05 11 00000005 }", "t 5000", KEEP_A, HELLO_A } },
	{ "DISCONNECT ends the session",
	    { KEEP_A, HELLO_A, "0> e0 { 00 05 11 00000000 }", "0! NORMAL", KEEP_A, HELLO_A } },
	{ "DISCONNECT cannot make a session last that would not",
	    { CONNECT_A, HELLO_A, "0> e0 { 00 05 11 00000005 }", "0< e0 { 82 }", "0! PROTOCOL" } },
	{ "a session passes from version to version",
	    { "0> 10 { s'MQTT' 04 00 0000 s'a' }", "0< 20020000", "0> 82 { 0001 s't' 01 }",
		"0< 90 { 0001 01 }", "0x", "t 10000000000", KEEP_A, AGAIN_A, "0x", "t 100000",
		"0> 10 { s'MQTT' 04 00 0000 s'a' }", "0< 20020000" } },

	/* ---- why the server ends a connection (3.14.2.1) ---- */
	{ "in words, for those who want them [MQTT-3.14.2-3]",
	    { "0> 10 { s'MQTT' 05 02 0000 00 s'a' }", HELLO_A, "0> c1 00",
		"0< e0 { 81 13 1f s'malformed packet' }", "0! PROTOCOL",
		"1> 10 { s'MQTT' 05 02 0000 05 27 00000016 s'b' }", HELLO_B, "1> c1 00",
		"1< e0 { 81 }", "2> 10 { s'MQTT' 05 02 0000 05 27 00000017 s'c' }", "2< " CONNACK,
		"2> c1 00", "2< e0 { 81 13 1f s'malformed packet' }" } },
	{ "taken over", { CONNECT_A, HELLO_A, "1> 10 { s'MQTT' 05 02 0000 00 s'a' }", HELLO_B,
			    "0< e0 { 8e }", "0! TAKEN_OVER" } },
	{ "keep-alive [MQTT-3.1.2-22]", { "0> 10 { s'MQTT' 05 02 000a 02 17 00 s'a' }", HELLO_A,
					    "t 15000", "0< e0 { 8d }", "0! KEEPALIVE" } },
	{ "second CONNECT", { CONNECT_A, HELLO_A, CONNECT_A, "0< e0 { 82 }", "0! PROTOCOL" } },
	{ "malformed", { CONNECT_A, HELLO_A, "0> c1 00", "0< e0 { 81 }", "0! PROTOCOL" } },
	{ "malformed length",
	    { CONNECT_A, HELLO_A, "0> 30 80808080 01", "0< e0 { 81 }", "0! PROTOCOL" } },
	{ "AUTH without method",
	    { CONNECT_A, HELLO_A, "0> f0 00", "0< e0 { 82 }", "0! PROTOCOL" } },
	{ "packet too large [MQTT-3.2.2-15]",
	    { CONNECT_A, HELLO_A, "0> 30 fdff0f", "0< e0 { 95 }", "0! TOO_LARGE" } },
	{ "answers that were ready go out with it",
	    { CONNECT_A, HELLO_A, "0> c000 c1 00", "0< d000 e0 { 81 }", "0! PROTOCOL" } },
	{ "before CONNACK nothing is said [MQTT-3.14.0-1]", { "0> c0", "0<", "0! PROTOCOL" } },
	{ "bad topic",
	    { CONNECT_A, HELLO_A, "0> 30 { s't/#' 00 'x' }", "0< e0 { 90 }", "0! PROTOCOL" } },
	{ "bad filter",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 00 s'a+' 00 }", "0< e0 { 8f }", "0! PROTOCOL" } },

	/* ---- PUBLISH from clients ---- */
	{ "properties are passed on as they came, not to MQTT 3.1.1 [MQTT-3.3.2-4, -17, -18]",
	    { CONNECT_A, HELLO_A, SUB_A("01"), GOT_SUB("01"), OLD_B, HELLO_OLD,
		"1> 82 { 0001 s't' 00 }", "1< 90 { 0001 00 }",
		"0> 32 { s't' 0001 17 26 s'b' s'2' 23 0001 01 01 08 s'r' 26 s'a' s'1' 'x' }",
		"0< 32 { s't' 0001 14 26 s'b' s'2' 01 01 08 s'r' 26 s'a' s'1' 'x' } 40020001",
		"1< 30 { s't' 'x' }" } },
	{ "what MQTT 3.1.1 publishes has no properties",
	    { CONNECT_A, HELLO_A, SUB_A("01"), GOT_SUB("01"), OLD_B, HELLO_OLD,
		"1> 32 { s't' 0001 'x' }", "1< 40020001", "0< 32 { s't' 0001 00 'x' }" } },
	{ "topic alias (3.3.2.3.4)",
	    { CONNECT_A, HELLO_A, SUB_A("00"), GOT_SUB("00"), "0> 30 { s't' 03 23 0010 '1' }",
		"0< 30 { s't' 00 '1' }", "0> 30 { s'' 03 23 0010 '2' }", "0< 30 { s't' 00 '2' }",
		"0> 30 { s'u' 03 23 0010 } 30 { s'' 03 23 0010 '3' }", "0<", "n 4" } },
	{ "topic alias 0 [MQTT-3.3.2-8]",
	    { CONNECT_A, HELLO_A, "0> 30 { s't' 03 23 0000 }", "0< e0 { 94 }", "0! PROTOCOL" } },
	{ "topic alias beyond the maximum [MQTT-3.3.2-9]",
	    { CONNECT_A, HELLO_A, "0> 30 { s't' 03 23 0011 }", "0< e0 { 94 }", "0! PROTOCOL" } },
	{ "topic alias that was not set",
	    { CONNECT_A, HELLO_A, "0> 30 { s'' 03 23 0001 }", "0< e0 { 82 }", "0! PROTOCOL" } },
	{ "topic alias ends with the connection [MQTT-3.3.2-7]",
	    { KEEP_A, HELLO_A, "0> 30 { s't' 03 23 0001 }", "0x", KEEP_A, AGAIN_A,
		"0> 30 { s'' 03 23 0001 }", "0< e0 { 82 }", "0! PROTOCOL" } },
	{ "topic alias of a PUBLISH that is held",
	    { CONNECT_A, HELLO_A, "v hold",
		"0> 32 { s't' 0001 03 23 0001 } 32 { s'' 0002 03 23 0001 }", "0p", "h", "0p",
		"v accept", "h", "0r", "n 2", "0< 40020001 40020002" } },
	{ "neither topic nor alias",
	    { CONNECT_A, HELLO_A, "0> 30 { s'' 00 'x' }", "0< e0 { 82 }", "0! PROTOCOL" } },
	{ "text that is none (3.3.2.3.2)",
	    { CONNECT_A, HELLO_A, "0> 32 { s't' 0001 02 01 01 ff } 34 { s't' 0002 02 01 01 ff }",
		"0< 40 { 0001 99 } 50 { 0002 99 }", "n 0", "0> 30 { s't' 02 01 00 ff }", "n 1",
		"0> 30 { s't' 02 01 01 00 }", "n 2", "0> 30 { s't' 02 01 01 ff }", "0< e0 { 99 }",
		"0! PROTOCOL" } },
	{ "too many properties",
	    { CONNECT_A, HELLO_A, "0> 32 { s't' 0001 8140 26 s'' s'x'*8188 }", "0< 40 { 0001 97 }",
		"n 0", "0> 30 { s't' 8140 26 s'' s'x'*8188 }", "0< e0 { 97 }", "0! TOO_LARGE" } },
	{ "PUBREL for nothing (3.7.2.1)",
	    { CONNECT_A, HELLO_A, "0> 62020009", "0< 70 { 0009 92 }" } },
	{ "QoS 2", { CONNECT_A, HELLO_A, "0> 34 { s't' 0001 00 } 3c { s't' 0001 00 }",
		       "0< 50020001 50020001", "n 1", "0> 62 { 0001 00 00 }", "0< 70020001" } },

	/* ---- refused ---- */
	{ "no right to it: 0x87",
	    { "0o 2", CONNECT_A, HELLO_A,
		"0> 30 { s'x' 00 } 32 { s'x' 0001 00 } 34 { s'x' 0002 00 }",
		"0< 40 { 0001 87 } 50 { 0002 87 }", "n 0", "0> 62020002", "0< 70 { 0002 92 }" } },
	{ "no room: 0x97",
	    { "0> 10 { s'MQTT' 05 02 0000 00 s'a' }", HELLO_A, "v quota",
		"0> 32 { s'x' 0001 00 } 34 { s'x' 0002 00 }",
		"0< 40 { 0001 97 2f 1f s'no room to keep it until the brokers have it' } "
		"50 { 0002 97 2f 1f s'no room to keep it until the brokers have it' }",
		"n 0", "v accept", "0> 34 { s'x' 0002 00 }", "0< 50020002", "n 1" } },
	{ "topic and payload that cannot be carried on, a disk that fails",
	    { "0> 10 { s'MQTT' 05 02 0000 02 17 00 s'a' }", HELLO_A, "v topic",
		"0> 32 { s'x' 0001 00 }", "0< 40 { 0001 90 }", "v payload",
		"0> 32 { s'x' 0001 00 }", "0< 40 { 0001 83 }", "v failed", "0> 34 { s'x' 0001 00 }",
		"0< 50 { 0001 83 }" } },
	{ "the text is left out where it does not fit [MQTT-3.4.2-2]",
	    { "0> 10 { s'MQTT' 05 02 0000 05 27 00000034 s'a' }", HELLO_A, "v quota",
		"0> 32 { s'x' 0001 00 }", "0< 40 { 0001 97 }",
		"1> 10 { s'MQTT' 05 02 0000 05 27 00000035 s'b' }", HELLO_B,
		"1> 32 { s'x' 0001 00 }",
		"1< 40 { 0001 97 2f 1f s'no room to keep it until the brokers have it' }" } },
	{ "answers keep their order [MQTT-4.6.0-2]",
	    { CONNECT_A, HELLO_A, "c off", "0> 32 { s't' 0001 00 } 32 { s'$x' 0002 00 }", "0<",
		"c on", "0< 40020001 40 { 0002 87 }" } },

	/* ---- message expiry (3.3.2.3.3) ---- */
	{ "what is left of its time [MQTT-3.3.2-6]",
	    { KEEP_A, HELLO_A, SUB_A("01"), GOT_SUB("01"), "0x", CONNECT_B, HELLO_B,
		"1> 32 { s't' 0001 05 02 0000000a 'x' }", "1< 40020001", "t 3001", KEEP_A,
		"0< " AGAIN " 32 { s't' 0001 05 02 00000007 'x' }" } },
	{ "too old [MQTT-3.3.2-5]",
	    { KEEP_A, HELLO_A, SUB_A("01"), GOT_SUB("01"), "0x", CONNECT_B, HELLO_B,
		"1> 32 { s't' 0001 05 02 0000000a 'x' } 32 { s't' 0002 00 'y' }",
		"1< 40020001 40020002", "t 10000", KEEP_A,
		"0< " AGAIN " 32 { s't' 0002 00 'y' }" } },
	{ "too old for MQTT 3.1.1 as well",
	    { "0> 10 { s'MQTT' 04 00 0000 s'a' }", "0< 20020000", "0> 82 { 0001 s't' 01 }",
		"0< 90 { 0001 01 }", "0x", CONNECT_B, HELLO_B,
		"1> 32 { s't' 0001 05 02 0000000a 'x' } 32 { s't' 0002 00 'y' }",
		"1< 40020001 40020002", "t 10000", "0> 10 { s'MQTT' 04 00 0000 s'a' }",
		"0< 20020100 32 { s't' 0002 'y' }" } },
	{ "of a retained message",
	    { CONNECT_A, HELLO_A, "0> 31 { s't' 05 02 00000002 'x' }", "t 1999", SUB_A("00"),
		"0< 90 { 0001 00 00 } 31 { s't' 05 02 00000001 'x' }", "t 1", SUB_A("00"),
		GOT_SUB("00") } },
	{ "what was sent once is sent again, however old",
	    { KEEP_A, HELLO_A, SUB_A("01"), GOT_SUB("01"), CONNECT_B, HELLO_B,
		"1> 32 { s't' 0001 05 02 0000000a 'x' }", "1< 40020001",
		"0< 32 { s't' 0001 05 02 0000000a 'x' }", "0x", "t 11000", KEEP_A,
		"0< " AGAIN " 3a { s't' 0001 05 02 00000000 'x' }" } },

	/* ---- SUBSCRIBE ---- */
	{ "reasons, in SUBACK (3.9.3)",
	    { "0o 2", CONNECT_A, HELLO_A,
		"0> 82 { 0001 00 s'public/#' 02 s'site/#' 01 s'$share/g/public/x' 01 }",
		"0< 90 { 0001 00 02 87 9e }" } },
	{ "UNSUBACK has codes (3.11.3)",
	    { CONNECT_A, HELLO_A, SUB_A("00"), GOT_SUB("00"), "0> a2 { 0002 00 s'u' s't' s't' }",
		"0< b0 { 0002 00 11 00 11 }" } },
	{ "SUBACK is more than the client takes [MQTT-3.1.2-24]",
	    { "0> 10 { s'MQTT' 05 02 0000 07 17 00 27 00000012 s'a' }", HELLO_A,
		"0> 82 { 0001 00 s'a' 00 s'b' 00 s'c' 00 s'd' 00 s'e' 00 s'f' 00 s'g' 00 s'h' 00 "
		"s'i' 00 s'j' 00 s'k' 00 }",
		"0< e0 { 95 }", "0! TOO_LARGE" } },
	{ "no local [MQTT-3.8.3-3]",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 00 s't' 04 s'u' 00 }", "0< 90 { 0001 00 0000 }",
		"0> 30 { s't' 00 } 30 { s'u' 00 }", "0< 30 { s'u' 00 }", CONNECT_B, HELLO_B,
		"1> 30 { s't' 00 }", "0< 30 { s't' 00 }" } },
	{ "retain as published [MQTT-3.3.1-12, -13]",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 00 s't' 08 s'u' 00 }", "0< 90 { 0001 00 0000 }",
		"0> 31 { s't' 00 'x' } 30 { s't' 00 'x' } 31 { s'u' 00 'x' }",
		"0< 31 { s't' 00 'x' } 30 { s't' 00 'x' } 30 { s'u' 00 'x' }" } },
	{ "retain handling [MQTT-3.3.1-9, -10, -11]",
	    { CONNECT_A, HELLO_A, "0> 31 { s't' 00 'x' }", "0> 82 { 0001 00 s't' 20 }",
		"0< 90 { 0001 00 00 }", "0> 82 { 0002 00 s't' 10 }", "0< 90 { 0002 00 00 }",
		"0> 82 { 0003 00 s't' 00 }", "0< 90 { 0003 00 00 } 31 { s't' 00 'x' }",
		"0> a2 { 0004 00 s't' }", "0< b0 { 0004 00 00 }", "0> 82 { 0005 00 s't' 10 }",
		"0< 90 { 0005 00 00 } 31 { s't' 00 'x' }" } },
	{ "subscription identifiers [MQTT-3.3.4-3, -4]",
	    { CONNECT_A, HELLO_A,
		"0> 82 { 0001 02 0b 05 s't/#' 00 } 82 { 0002 03 0b 8001 s't/x' 01 } "
		"82 { 0003 00 s'#' 00 }",
		"0< 90 { 0001 00 00 } 90 { 0002 00 01 } 90 { 0003 00 00 }",
		"0> 32 { s't/x' 0001 05 26 s'' s'' } 30 { s't/y' 00 } 30 { s'u' 00 }",
		"0< 32 { s't/x' 0001 0a 0b 8001 0b 05 26 s'' s'' } 30 { s't/y' 02 0b 05 } "
		"30 { s'u' 00 } 40020001" } },
	{ "a filter again, without identifier [MQTT-3.8.4-3]",
	    { CONNECT_A, HELLO_A, "0> 82 { 0001 02 0b 05 s't' 00 } 82 { 0002 00 s't' 00 }",
		"0< 90 { 0001 00 00 } 90 { 0002 00 00 }", "0> 30 { s't' 00 }",
		"0< 30 { s't' 00 }" } },
	{ "identifiers of retained messages",
	    { CONNECT_A, HELLO_A, "0> 31 { s't' 00 'r' } 82 { 0001 02 0b 05 s't' 01 }",
		"0< 90 { 0001 00 01 } 31 { s't' 02 0b 05 'r' }" } },
	{ "identifiers of what waits",
	    { KEEP_A, HELLO_A, "0> 82 { 0001 02 0b 05 s't' 01 }", "0< 90 { 0001 00 01 }", "0x",
		OLD_B, HELLO_OLD, "1> 32 { s't' 0001 'x' }", "1< 40020001", KEEP_A,
		"0< " AGAIN " 32 { s't' 0001 02 0b 05 'x' }" } },

	/* ---- flow control, sizes ---- */
	{ "the client's receive maximum [MQTT-3.3.4-9]",
	    { "0> 10 { s'MQTT' 05 00 0000 08 11 00000064 21 0002 s'a' }", HELLO_A, SUB_A("02"),
		GOT_SUB("02"), CONNECT_B, HELLO_B,
		"1> 32 { s't' 0001 00 '1' } 34 { s't' 0002 00 '2' } 32 { s't' 0003 00 '3' }",
		"1< 40020001 50020002 40020003",
		"0< 32 { s't' 0001 00 '1' } 34 { s't' 0002 00 '2' }", "1> 30 { s't' 00 '4' }",
		"0< 30 { s't' 00 '4' }", "0> 50020002", "0< 62020002", "0> 40020001",
		"0< 32 { s't' 0003 00 '3' }" } },
	{ "a smaller one on the next connection",
	    { KEEP_A, HELLO_A, SUB_A("01"), GOT_SUB("01"), CONNECT_B, HELLO_B,
		"1> 32 { s't' 0001 00 '1' } 32 { s't' 0002 00 '2' }", "1< 40020001 40020002",
		"0< 32 { s't' 0001 00 '1' } 32 { s't' 0002 00 '2' }", "0x",
		"0> 10 { s'MQTT' 05 00 0000 08 11 00000064 21 0001 s'a' }",
		"0< " AGAIN " 3a { s't' 0001 00 '1' }", "0> 40020001",
		"0< 3a { s't' 0002 00 '2' }" } },
	{ "PUBREC with a failure is the end of it [MQTT-4.3.3]",
	    { "0> 10 { s'MQTT' 05 02 0000 03 21 0001 s'a' }", HELLO_A, SUB_A("02"), GOT_SUB("02"),
		CONNECT_B, HELLO_B, "1> 34 { s't' 0001 00 '1' } 34 { s't' 0002 00 '2' }",
		"1< 50020001 50020002", "0< 34 { s't' 0001 00 '1' }", "0> 50 { 0001 97 }",
		"0< 34 { s't' 0002 00 '2' }", "0> 50 { 0001 97 00 }", "0<" } },
	{ "PUBREC for nothing (3.6.2.1)",
	    { CONNECT_A, HELLO_A, "0> 50020009", "0< 62 { 0009 92 }" } },
	{ "PUBACK with a failure is the end of it",
	    { KEEP_A, HELLO_A, SUB_A("01"), GOT_SUB("01"), "0> 32 { s't' 0001 00 }",
		"0< 32 { s't' 0001 00 } 40020001", "0> 40 { 0001 83 }", "0x", KEEP_A, AGAIN_A } },
	{ "PUBACK for QoS 2",
	    { CONNECT_A, HELLO_A, SUB_A("02"), GOT_SUB("02"), "0> 34 { s't' 0001 00 }",
		"0< 34 { s't' 0001 00 } 50020001", "0> 40020001", "0< e0 { 82 }", "0! PROTOCOL" } },
	{ "what the client does not take is dropped as if sent [MQTT-3.1.2-24, -25]",
	    { "0> 10 { s'MQTT' 05 00 0000 0a 11 00000064 27 00000014 s'a' }", HELLO_A, SUB_A("02"),
		GOT_SUB("02"), CONNECT_B, HELLO_B,
		"1> 30 { s't' 00 'x'*15 } 30 { s't' 00 'x'*14 } 32 { s't' 0001 00 'y'*13 } 34 { "
		"s't' "
		"0002 00 'y'*12 }",
		"1< 40020001 50020002", "0< 30 { s't' 00 'x'*14 } 34 { s't' 0002 00 'y'*12 }", "0x",
		"0> 10 { s'MQTT' 05 00 0000 0a 11 00000064 27 00000013 s'a' }", AGAIN_A, "0x",
		KEEP_A, AGAIN_A } },

	/* ---- wills ---- */
	{ "a will with properties, its time begins when it is published",
	    { CONNECT_B, HELLO_B, "1> 82 { 0001 00 s'w' 00 }", "1< 90 { 0001 00 00 }",
		"0> 10 { s'MQTT' 05 06 0000 00 s'a' 0a 02 00000009 26 s'' s'' s'w' s'gone' }",
		HELLO_A, "t 8000", "0x", "1< 30 { s'w' 0a 02 00000009 26 s'' s'' 'gone' }" } },
	{ "will delay [MQTT-3.1.3-9]",
	    { "0> 10 { s'MQTT' 05 04 0000 07 11 00000064 17 00 s'a' 05 18 00000005 s'w' s'gone' }",
		HELLO_A, "0x", "t 4999", "n 0", "t 1", "n 1", "t 100000", "n 1" } },
	{ "the client is back in time: no will",
	    { "0> 10 { s'MQTT' 05 04 0000 07 11 00000064 17 00 s'a' 05 18 00000005 s'w' s'gone' }",
		HELLO_A, "0x", "t 4999", KEEP_A, AGAIN_A, "t 100000", "n 0" } },
	{ "the session ends before: the will then",
	    { "0> 10 { s'MQTT' 05 04 0000 05 11 00000003 s'a' 05 18 00000005 s'w' s'gone' }",
		HELLO_A, "0x", "t 2999", "n 0", "t 1", "n 1", "t 10000", "n 1" } },
	{ "the session ends by a clean start: the will at once",
	    { "0> 10 { s'MQTT' 05 04 0000 07 11 00000064 17 00 s'a' 05 18 00000005 s'w' s'gone' }",
		HELLO_A, "0x", "n 0", CONNECT_A, HELLO_A, "n 1" } },
	{ "the session ends with its connection: no delay",
	    { "0> 10 { s'MQTT' 05 06 0000 00 s'a' 05 18 00000005 s'w' s'gone' }", HELLO_A, "0x",
		"n 1" } },
	{ "taken over without delay: the will [MQTT-3.1.4-3]",
	    { "0> 10 { s'MQTT' 05 04 0000 07 11 00000064 17 00 s'a' 00 s'w' s'gone' }", HELLO_A,
		"1> 10 { s'MQTT' 05 00 0000 05 11 00000064 s'a' }", "1< " AGAIN, "0< e0 { 8e }",
		"0! TAKEN_OVER", "n 1" } },
	{ "taken over with delay: no will",
	    { "0> 10 { s'MQTT' 05 04 0000 07 11 00000064 17 00 s'a' 05 18 00000005 s'w' s'gone' }",
		HELLO_A, "1> 10 { s'MQTT' 05 00 0000 05 11 00000064 s'a' }", "1< " AGAIN,
		"0< e0 { 8e }", "0! TAKEN_OVER", "t 100000", "n 0" } },
	{ "DISCONNECT with will (3.14.2.1)",
	    { "0> 10 { s'MQTT' 05 06 0000 00 s'a' 00 s'w' s'gone' }", HELLO_A, "0> e0 { 04 }",
		"0! NORMAL", "n 1" } },
	{ "DISCONNECT without [MQTT-3.1.2-10]",
	    { "0> 10 { s'MQTT' 05 06 0000 00 s'a' 00 s'w' s'gone' }", HELLO_A, "0> e0 { 00 }",
		"0! NORMAL", "n 0" } },
	{ "too many properties of a will",
	    { "0> 10 { s'MQTT' 05 06 0000 00 s'a' 8140 26 s'' s'x'*8188 s'w' s'' }",
		"0< 20 { 00 97 00 }", "0! REFUSED" } },
	{ "no local holds for one's own will",
	    { "0> 10 { s'MQTT' 05 0c 0000 07 11 00000064 17 00 s'a' 00 s'w' s'gone' }", HELLO_A,
		"0> 82 { 0001 00 s'w' 05 }", "0< 90 { 0001 00 01 }", "0x", "n 1", KEEP_A,
		AGAIN_A } },
};

static void play(const struct dialogue *d, struct store *store)
{
	struct world w;

	print_message("%s\n", d->name);
	assert_true(world_init_stored(&w, mqtt_listeners, 3, store));
	for (size_t i = 0; i < COUNT(d->lines) && d->lines[i]; i++)
		dialogue_say(&w, d->lines[i]);
	for (size_t i = 0; i < WORLD_CLIENTS; i++)
		dialogue_expect(&w, i, "", "(end)");
	world_fini(&w);
}

static void test_dialogues(void **state)
{
	(void)state;
	for (size_t d = 0; d < COUNT(dialogues); d++)
		play(&dialogues[d], NULL);
}

/* Whether sessions and what is retained are in a store as well makes no difference to clients. */
static void test_dialogues_with_a_store(void **state)
{
	(void)state;
	for (size_t d = 0; d < COUNT(dialogues); d++) {
		struct store *store = store_ram_new(10000000);

		assert_non_null(store);
		play(&dialogues[d], store);
		store_free(store);
	}
}

/* One more than MQTT_RECEIVE_MAX without an answer ends the connection; answered ones do not count
 * (3.3.4). */
static void test_receive_max(void **state)
{
	struct world w;
	char line[64];

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, HELLO_A);
	for (int round = 0; round < 3; round++) {
		dialogue_say(&w, "c off");
		for (int i = 1; i <= MQTT_RECEIVE_MAX; i++) {
			snprintf(
			    line, sizeof(line), "0> %s { s't' %04x 00 }", i % 2 ? "32" : "34", i);
			dialogue_say(&w, line);
		}
		assert_false(w.clients[0].is_closed);
		if (round == 2)
			break;
		dialogue_say(&w, "c on");
		for (int i = 2; i <= MQTT_RECEIVE_MAX; i += 2) {
			snprintf(line, sizeof(line), "0> 62 { %04x }", i);
			dialogue_say(&w, line);
		}
		buf_clear(&w.clients[0].seen);
	}
	dialogue_say(&w, "0> 30 { s't' 00 }"); /* QoS 0 does not count */
	assert_false(w.clients[0].is_closed);
	dialogue_say(&w, "0> 32 { s't' ffff 00 }");
	dialogue_say(&w, "0< e0 { 93 }");
	dialogue_say(&w, "0! PROTOCOL");
	world_fini(&w);
}

/* Of QoS 2 it counts until PUBCOMP. */
static void test_receive_max_qos_2(void **state)
{
	struct world w;
	char line[64];

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	for (int i = 1; i <= MQTT_RECEIVE_MAX; i++) {
		snprintf(line, sizeof(line), "0> 34 { s't' %04x 00 }", i);
		dialogue_say(&w, line);
	}
	buf_clear(&w.clients[0].seen);
	dialogue_say(&w, "0> 62 { 0007 }");
	dialogue_say(&w, "0> 34 { s't' 0007 00 }");
	dialogue_say(&w, "0< 70020007 50020007");
	dialogue_say(&w, "0> 34 { s't' 0fff 00 }");
	dialogue_say(&w, "0< e0 { 93 }");
	dialogue_say(&w, "0! PROTOCOL");
	world_fini(&w);
}

/* What was refused does not count any more. */
static void test_receive_max_refused(void **state)
{
	struct world w;
	char line[64];

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, "v quota");
	for (int i = 1; i <= MQTT_RECEIVE_MAX + 1; i++) {
		snprintf(line, sizeof(line), "0> 34 { s't' %04x 00 }", i);
		dialogue_say(&w, line);
	}
	assert_false(w.clients[0].is_closed);
	world_fini(&w);
}

static void test_counters(void **state)
{
	const struct mqtt_counters *n;
	struct world w;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	n = mqtt_server_counters(w.server);
	dialogue_say(&w, "0> 10 { s'MQTT' 05 00 0000 0a 11 00000064 27 00000014 s'a' }");
	dialogue_say(&w, SUB_A("01"));
	dialogue_say(&w, CONNECT_B);
	dialogue_say(&w, "1> 32 { s't' 0001 00 'x'*99 }");
	assert_int_equal(n->dropped[MQTT_DROP_TOO_LARGE], 1);
	dialogue_say(&w, "0x");
	dialogue_say(&w, "1> 32 { s't' 0001 05 02 00000001 } 32 { s't' 0002 05 02 00000003 }");
	dialogue_say(&w, "t 2000");
	assert_int_equal(n->dropped[MQTT_DROP_EXPIRED], 0);
	/* What is too old makes room for what comes. */
	dialogue_say(&w, "1> 32 { s't' 0003 00 }");
	assert_int_equal(n->dropped[MQTT_DROP_EXPIRED], 1);
	assert_int_equal(n->sent, 0);
	/* What is retained and too old is not there. */
	dialogue_say(&w, "1> 31 { s'r' 05 02 00000001 'x' }");
	dialogue_say(&w, "t 1000");
	dialogue_say(&w, "1> 82 { 0004 00 s'r' 00 }");
	assert_int_equal(n->dropped[MQTT_DROP_EXPIRED], 1);
	world_fini(&w);
}

/* Properties and identifiers count in what is kept. */
static void test_kept_bytes(void **state)
{
	struct world w;
	size_t plain;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, KEEP_A);
	dialogue_say(&w, "0> 82 { 0001 02 0b 05 s't' 01 }");
	dialogue_say(&w, "0x");
	dialogue_say(&w, CONNECT_B);
	dialogue_say(&w, "1> 32 { s't' 0001 00 }");
	plain = mqtt_server_kept_bytes(w.server);
	assert_int_equal(plain, sizeof(struct mqtt_msg) + strlen("t") + 2); /* 0b 05 */
	dialogue_say(&w, "1> 32 { s't' 0001 c53e 26 s'' s'x'*8000 }");
	assert_int_equal(mqtt_server_kept_bytes(w.server), 2 * plain + 8005);
	dialogue_say(&w, "t 100000");
	assert_int_equal(mqtt_server_kept_bytes(w.server), 0);
	assert_int_equal(mqtt_server_deadline(w.server), UINT64_MAX);
	world_fini(&w);
}

/* What is retained and too old makes room, many at once as well; what is not stays. */
static void test_retained_expires(void **state)
{
	struct world w;
	char line[64];
	size_t one;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(&w, CONNECT_A);
	dialogue_say(&w, "0> 31 { s't/0000' 05 02 00000005 'x' }");
	one = mqtt_server_kept_bytes(w.server);
	for (int i = 1; i < 2 * MQTT_RETAIN_BATCH; i++) {
		snprintf(
		    line, sizeof(line), "0> 31 { s't/%04d' 05 02 0000000%d 'x' }", i, i % 2 + 1);
		dialogue_say(&w, line);
	}
	dialogue_say(&w, "0> 31 { s'for/ever' 00 'x' }");
	assert_int_equal(mqtt_server_deadline(w.server), 1000);
	dialogue_say(&w, "t 1000");
	assert_int_equal(mqtt_server_deadline(w.server), 2000);
	assert_in_range(mqtt_server_kept_bytes(w.server), MQTT_RETAIN_BATCH * one,
	    (MQTT_RETAIN_BATCH + 3) * one);
	dialogue_say(&w, "t 1000");
	assert_int_equal(mqtt_server_deadline(w.server), 5000);
	dialogue_say(&w, "t 3000");
	assert_int_equal(mqtt_server_deadline(w.server), UINT64_MAX);
	dialogue_say(&w, HELLO_A);
	dialogue_say(&w, "0> 82 { 0001 00 s'#' 00 }");
	dialogue_say(&w, "0< 90 { 0001 00 00 } 31 { s'for/ever' 00 'x' }");
	world_fini(&w);
}

static void test_shutdown(void **state)
{
	struct world w;

	(void)state;
	assert_true(world_init(&w, mqtt_listeners, 1));
	dialogue_say(
	    &w, "0> 10 { s'MQTT' 05 04 0000 07 11 00000064 17 00 s'a' 05 18 00000005 s'w' s'x' }");
	dialogue_say(&w, "0x");
	dialogue_say(&w, "1> 10 { s'MQTT' 05 06 0000 02 17 00 s'b' 00 s'w' s'gone' }");
	dialogue_say(&w, HELLO_B);
	mqtt_server_shutdown(w.server, w.now_ms);
	world_turn(&w);
	dialogue_say(&w, "1< e0 { 8b }");
	dialogue_say(&w, "1! SHUTDOWN");
	dialogue_say(&w, "n 0");
	world_fini(&w); /* the will that waits is freed, too */
}

/* Nobody can be told at QoS 0, or in MQTT 3.1.1. */
static void test_may_refuse(void **state)
{
	static const struct {
		const char *connect;
		const char *publish;
		bool may_refuse;
	} rows[] = {
		{ CONNECT_A, "30 { s't' 00 }", false },
		{ CONNECT_A, "32 { s't' 0001 00 }", true },
		{ CONNECT_A, "34 { s't' 0001 00 }", true },
		{ "0> 10 { s'MQTT' 04 02 0000 s'a' }", "32 { s't' 0001 }", false },
	};
	static uint8_t bytes[NOTATION_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mqtt_event e;
		struct world w;

		assert_true(world_init(&w, mqtt_listeners, 1));
		dialogue_say(&w, rows[i].connect);
		world_send(&w, 0, bytes, notation_read(rows[i].publish, bytes));
		assert_true(mqtt_server_next_event(w.server, 0, &e));
		assert_int_equal(e.type, MQTT_EVENT_PUBLISH);
		assert_int_equal(e.may_refuse, rows[i].may_refuse);
		mqtt_server_verdict(w.server, 0, MQTT_ACCEPT);
		world_fini(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialogues),
		cmocka_unit_test(test_dialogues_with_a_store),
		cmocka_unit_test(test_receive_max),
		cmocka_unit_test(test_receive_max_qos_2),
		cmocka_unit_test(test_receive_max_refused),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_kept_bytes),
		cmocka_unit_test(test_retained_expires),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_may_refuse),
	};

	return cmocka_run_group_tests(tests, mqtt_listeners_make, mqtt_listeners_free);
}

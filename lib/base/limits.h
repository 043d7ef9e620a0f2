/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every bound of the program, with where it comes from.
 *
 * "AT manual" is the SIM7500/SIM7600 Series AT Command Manual V3.00. A bound without a source is
 * ours, and the comment says what it protects.
 */
#ifndef CMQTTD_BASE_LIMITS_H
#define CMQTTD_BASE_LIMITS_H

#include <stdint.h>

/* The modem */
#define MODEM_CLIENTS           2     /* MQTT clients of one modem (16.2.3) */
#define MODEM_SSL_CONTEXTS      10    /* SSL contexts 0..9 (10.2.12) */
#define MODEM_TOPIC_MAX         1024  /* topic of PUB, SUB and last will, bytes (16.2.10, 16.2.6) */
#define MODEM_PAYLOAD_MAX       10240 /* payload, bytes (16.2.11) */
#define MODEM_WILL_MAX          1024  /* last will message, bytes (16.2.7) */
#define MODEM_CLIENT_ID_MAX     128   /* bytes (16.2.3) */
#define MODEM_SERVER_ADDR_MAX   256   /* "tcp://host:port", bytes (16.2.8) */
#define MODEM_CREDENTIAL_MAX    256   /* user name and password, each (16.2.8) */
#define MODEM_KEEPALIVE_MAX_S   64800 /* (16.2.8) */
#define MODEM_SUBTOPICS_MAX     5120  /* topics of one SUBTOPIC batch together (16.2.12) */
#define MODEM_PUB_TIMEOUT_MIN_S 60    /* (16.2.12) */
#define MODEM_CERT_MAX          10240 /* certificate or key file (10.2.13) */
#define MODEM_CERT_NAME_MAX     108   /* (10.2.13): 128 on SIM7600; A76xx has less */
#define MODEM_RX_CHUNK_MAX      10240 /* 1500 on SIM7600; sister models state no maximum */

/* The AT dialogue */
#define AT_CMD_MAX       559  /* characters after "AT" (1.4.4); longer is a plain ERROR */
#define AT_CMD_LONG_MAX  3071 /* the same of A76xx and SIM767x */
#define AT_LINE_MAX      1024 /* longest answer line; SIM toolkit lines exceed 250 */
#define AT_DATA_MAX      MODEM_RX_CHUNK_MAX
#define AT_RX_MAX        16384 /* received and not yet parsed: line + counted data + read */
#define AT_TX_MAX        16384 /* one command or one body at a time, and padding */
#define AT_STEPS_MAX     24    /* of one script */
#define AT_JOBS_MAX      8     /* waiting for the channel at once */
#define AT_ARGS_MAX      24    /* named values of one job */
#define AT_FINE_ERRS_MAX 3     /* a step is 64 bytes with them, and there are many */

/* Local MQTT server */
#define MQTT_PACKET_MAX          262144 /* larger packets close their connection */
#define MQTT_CLIENTS_MAX         256
#define MQTT_CLIENT_OUT_MAX      524288 /* bytes waiting in one client's socket buffer */
#define MQTT_CLIENT_RX_MAX       (MQTT_PACKET_MAX + 65536)
#define MQTT_CLIENT_ID_MAX       256
#define MQTT_TOPIC_MAX           4096 /* local topics; deeper levels are bounded apart */
#define MQTT_TOPIC_LEVELS_MAX    64
#define MQTT_PROPERTIES_MAX      8192 /* passed on with one message (MQTT 5.0), bytes */
#define MQTT_TOPIC_ALIAS_MAX     16   /* of one client */
#define MQTT_RECEIVE_MAX         1024 /* PUBLISH of one MQTT 5.0 client that have no answer yet */
#define MQTT_REASON_TEXT_MAX     100  /* bytes */
#define MQTT_SUBS_PER_CLIENT_MAX 256
#define MQTT_INFLIGHT_MAX        64    /* unacknowledged QoS 1 and 2 messages to one client */
#define MQTT_QUEUE_MAX           16384 /* messages kept for one client beyond the in-flight ones */
#define MQTT_QUEUE_BYTES_MAX     4194304  /* the same, bytes */
#define MQTT_SESSIONS_MAX        512      /* connected and persistent ones together */
#define MQTT_KEPT_BYTES_MAX      67108864 /* messages in the queues and windows of all of them */
#define MQTT_SUBS_BYTES_MAX      16777216 /* subscriptions of all of them */
#define MQTT_USER_MAX            256
#define MQTT_WILLS_MAX           256   /* wills of dead clients that wait to be taken */
#define MQTT_OUT_RESERVE         65536 /* of MQTT_CLIENT_OUT_MAX, for all but PUBLISH */
#define MQTT_RETAINED_MAX        4096
#define MQTT_RETAINED_BYTES_MAX  8388608
#define MQTT_CONNECT_TIMEOUT_MS  10000 /* from accept to CONNECT */
#define MQTT_LISTENERS_MAX       8
#define MQTT_TARGETS_MAX         (MQTT_SESSIONS_MAX + 1) /* queues of one message */

/* Bridge */
#define BRIDGE_ROUTES_MAX     64  /* per broker */
#define BRIDGE_QOS0_MAX       256 /* QoS 0 messages kept in memory per broker */
#define BRIDGE_QOS0_BYTES_MAX 1048576
#define BRIDGE_POISON_TRIES   3
#define BRIDGE_ECHO_MAX       64      /* own messages whose echo is still expected, per broker */
#define STORE_FREE_MIN        8388608 /* left free on the disk: write-ahead log, one checkpoint */
#define STORE_BYTES_DEFAULT   67108864
#define STORE_QUEUES_MAX      1024 /* brokers, also former ones, and persistent local sessions */
#define STORE_TARGETS_MAX     (MODEM_CLIENTS + MQTT_SESSIONS_MAX + 1) /* + what is retained */
#define STORE_NOTE_MAX        MQTT_TOPIC_MAX /* key or value of a note, bytes */
#define HISTORY_MAX           64             /* state changes remembered per machine */

/* Control */
#define CTL_CONNS_MAX         16
#define CTL_CONNS_ADMIN       4 /* of these, for who may change something: not to be locked out */
#define CTL_MSG_MAX           1048576
#define CTL_VALUES_MAX        1024 /* JSON values of one call; no method needs as many */
#define CTL_OUT_MAX           2097152
#define CTL_AT_REPLY_MAX      65536 /* answer of one At call, bytes; the rest is left out */
#define CTL_AT_LINES_MAX      1024  /* the same, lines */
#define CTL_PAGE_MESSAGES_MAX 64    /* numbers of messages in one page of a list */
#define CTL_PAGE_BYTES_MAX    65536 /* of their topics; the last one may go beyond it */
#define CTL_TEXT_PAYLOAD_MAX  65536 /* larger ones in base64: escapes take six times the room */

/* Metrics over HTTP */
#define HTTP_CONNS_MAX   8
#define HTTP_HEAD_MAX    8192  /* of a request, bytes */
#define HTTP_TIMEOUT_MS  10000 /* from accept to the end of the request's head */
#define METRICS_TEXT_MAX 262144
#define METRICS_REST_MAX 65536 /* of these for what is not counted by route, and one line */
#define HTTP_OUT_MAX     (METRICS_TEXT_MAX + 4096)

/* A wall clock before this was never set: cmqttd did not exist before 2026. */
#define WALL_PLAUSIBLE_S INT64_C(1767225600)

#endif

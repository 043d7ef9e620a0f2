/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration that the simulated daemon runs with: two brokers, their routes, and a second
 * version of it to reload. And the topics of the workload, as these routes map them.
 */
#ifndef TESTS_SIM_SIM_CONFIG_H
#define TESTS_SIM_SIM_CONFIG_H

#include "bridge/core_config.h"
#include "sim/params.h"

/* What is special about a subject; it is in use if the seed has it. */
enum subject_kind {
	SUBJECT_PLAIN,
	SUBJECT_KEEP_LAST,
	SUBJECT_TTL,
	SUBJECT_JAM,  /* the modem never answers to its payload */
	SUBJECT_WILL, /* of local publishers */
	SUBJECT_HAND, /* published over the control socket */
};

enum {
	SIM_TTL_S = 40,
	SIM_JAM_LEN = 777, /* no other body has this length */
};

#define SIM_GAP_TOPIC "gw/gap"

/* A topic that messages are published to, here and there. */
struct subject {
	const char *local;               /* name at the daemon's sockets */
	const char *remote[SIM_BROKERS]; /* name at each broker; NULL: not routed there */
	uint8_t qos_max;                 /* of its route */
	int origin; /* local publisher 0 or 1; SUBJECT_FROM_OPERATOR; SUBJECT_FROM_BROKER + index */
	uint8_t qos_min;   /* least QoS it is published with */
	bool is_forbidden; /* the broker hangs up */
	bool is_tiny; /* for bodies too short for their number: the topic gets it as a suffix */
	bool is_both; /* the broker sends it back */
	enum subject_kind kind;
};

enum {
	SUBJECT_FROM_OPERATOR = 2,
	SUBJECT_FROM_BROKER = 100,
	SUBJECT_BOTH = 1, /* QoS 1, for both brokers */
	SUBJECT_PLAIN_COUNT = 13,
	SUBJECT_OF_WILLS = 16,
	SUBJECT_BY_HAND = 17,
	SUBJECT_COUNT = 18
};

extern const struct subject sim_subjects[SUBJECT_COUNT];

#define SIM_USER     "gw17"
#define SIM_PASSWORD "s3cret"

struct sim_config {
	struct core_config core;
	struct route_config routes[SIM_BROKERS][11];
	struct filter_config filters[SIM_BROKERS][4];
};

/* version 0 or 1: they differ in one filter of broker 0 and in the birth message of broker 1. */
void sim_config_fill(struct sim_config *ret, const struct sim_params *p, unsigned version);

#endif

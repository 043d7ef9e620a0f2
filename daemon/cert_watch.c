/* SPDX-License-Identifier: Apache-2.0 */
#include "cert_watch.h"

#include "log.h"
#include "wall_clock.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_MS 3600000
#define DAY_S   86400

struct cert_watch {
	struct loop_timer *timer;
	const struct config *config;
	int told[CONFIG_CERTS_MAX]; /* cert_watch_days of the last warning; -1: none */
};

int cert_watch_days(int64_t left_s)
{
	static const int days[] = { 1, 7, 30 };

	if (left_s <= 0)
		return 0;
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		if (left_s <= (int64_t)days[i] * DAY_S)
			return days[i];
	}
	return -1;
}

static void tell(const struct config_cert *cert, int64_t left_s, int days)
{
	if (days == 0)
		log_write(LOG_DAEMON_CONFIG, LOG_LEVEL_ERROR, "broker %s: tls.%s has expired",
		    cert->broker, cert->key);
	else
		log_write(LOG_DAEMON_CONFIG, LOG_LEVEL_WARNING,
		    "broker %s: tls.%s expires in %d %s: put a new one in its place and reload",
		    cert->broker, cert->key, (int)((left_s + DAY_S - 1) / DAY_S),
		    left_s <= DAY_S ? "day" : "days");
}

static void look(struct cert_watch *w)
{
	int64_t now_s = wall_clock_now_ms() / 1000;

	for (size_t i = 0; now_s >= WALL_PLAUSIBLE_S && i < w->config->cert_count; i++) {
		const struct config_cert *cert = &w->config->certs[i];
		int days = cert_watch_days(cert->not_after_s - now_s);

		if (days >= 0 && (w->told[i] < 0 || days < w->told[i]))
			tell(cert, cert->not_after_s - now_s, days);
		w->told[i] = days;
	}
}

static void on_timer(void *arg)
{
	struct cert_watch *w = arg;

	look(w);
	loop_timer_set(w->timer, HOUR_MS);
}

struct cert_watch *cert_watch_new(struct loop *loop)
{
	struct cert_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->timer = loop_timer_new(loop, on_timer, w);
	if (!w->timer) {
		free(w);
		return NULL;
	}
	return w;
}

void cert_watch_free(struct cert_watch *w)
{
	if (!w)
		return;
	loop_timer_free(w->timer);
	free(w);
}

void cert_watch_configure(struct cert_watch *w, const struct config *config)
{
	w->config = config;
	for (size_t i = 0; i < CONFIG_CERTS_MAX; i++)
		w->told[i] = -1;
	loop_timer_set(w->timer, 0);
}

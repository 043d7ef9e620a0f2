/* SPDX-License-Identifier: Apache-2.0 */
#include "config_build.h"

#include "config_builder.h"
#include "usb_port.h"

#include "bridge/config_check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define APN_MAX        100 /* AT+CGDCONT */
#define APN_SECRET_MAX 127 /* AT+CGAUTH */

static void build_power_cycle(struct builder *b, const struct config_value *value)
{
	if (!value_is_given(value))
		return;
	if (value->text[0] != '/')
		builder_is_fine(
		    b, "power_cycle", value, "must be an absolute path: it begins with /");
	else if (access(value->text, X_OK) < 0)
		config_report_warning(b->report, &value->place,
		    "\"power_cycle\": %s cannot be executed: %s", value->text, strerror(errno));
	b->config->core.power_cycle = value->text;
	b->config->core.modem.has_power_cycle = true;
}

/* Those that termios(3) has names for. */
static void check_baud(struct builder *b, const struct config_value *value)
{
	static const int64_t speeds[] = { 300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600,
		115200, 230400, 460800, 921600, 1000000, 1500000, 2000000, 3000000, 4000000 };

	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
		if (value->integer == speeds[i])
			return;
	}
	builder_refuse(b, "baud", value,
	    "must be a usual speed: 9600, 57600, 115200, 230400, 460800, 921600 ...");
}

static void build_modem(struct builder *b, const struct modem_section *s)
{
	struct modem_config *modem = &b->config->core.modem;
	size_t mistakes = b->report->mistakes;
	const char *why;

	modem->device = s->device.text;
	if (value_is_there(&s->device) && s->device.text[0] != '/' &&
	    !usb_port_is_fine(s->device.text))
		builder_is_fine(b, "device", &s->device,
		    "must be an absolute path, \"usb\" or \"usb:\" and a place such as 1-1.4");
	check_baud(b, &s->baud);
	modem->baud = (uint32_t)s->baud.integer;
	modem->rtscts = s->flow_control.integer == 1;
	modem->apn = builder_parameter(b, "apn", &s->apn, APN_MAX);
	modem->apn_user = builder_parameter(b, "apn_user", &s->apn_user, APN_SECRET_MAX);
	modem->apn_password =
	    builder_parameter(b, "apn_password", &s->apn_password, APN_SECRET_MAX);
	modem->pdp_type = s->pdp_type.text;
	modem->no_roaming = !s->roaming.flag;
	modem->operator_code = s->operator.text;
	modem->technology = s->technology.text;
	if (value_is_given(&s->operator))
		builder_is_fine(
		    b, "operator", &s->operator, config_check_operator(s->operator.text));
	if (s->apn.state == VALUE_ABSENT)
		builder_refuse(b, "apn_user", &s->apn_user, "needs \"apn\"");
	if (s->apn_user.state == VALUE_ABSENT)
		builder_refuse(b, "apn_password", &s->apn_password, "needs \"apn_user\"");
	if (s->apn_password.state == VALUE_ABSENT)
		builder_refuse(b, "apn_user", &s->apn_user, "needs \"apn_password\"");
	modem->pin =
	    builder_secret(b, "pin", &s->pin, "pin_file", &s->pin_file, MODEM_CREDENTIAL_MAX);
	if (modem->pin && config_check_pin(modem->pin)) {
		builder_refuse(b, "pin", &s->pin, config_check_pin(modem->pin));
		builder_refuse(
		    b, "pin_file", &s->pin_file, "must hold 4 to 8 digits, and only them");
	}
	build_power_cycle(b, &s->power_cycle);
	if (s->head.is_broken || b->report->mistakes > mistakes)
		return;
	why = config_check_modem(modem);
	if (why)
		config_report_mistake(b->report, &s->head.place, "%s", why);
}

static void build_store(struct builder *b, const struct store_section *s)
{
	b->config->core.store = (struct store_config){
		.path = s->path.text,
		.max_bytes = (uint64_t)s->max_bytes.integer,
		.overflow = s->overflow.integer == 1 ? STORE_DROP_OLDEST : STORE_BLOCK,
		.is_normal_durability = s->durability.integer == 1,
	};
	if (value_is_there(&s->path) && s->path.text[0] != '/')
		builder_is_fine(b, "path", &s->path, "must be an absolute path: it begins with /");
}

void config_build(struct config *config, const struct root_section *root, const char *path,
    struct config_report *report)
{
	static const enum log_level levels[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO,
		LOG_LEVEL_DEBUG };
	struct builder b = {
		.path = path, .config = config, .report = report, .arena = &config->arena
	};

	build_modem(&b, &root->modem);
	builder_brokers(&b, &root->brokers);
	builder_listeners(&b, &root->listeners);
	builder_control(&b, &root->control);
	build_store(&b, &root->store);
	builder_metrics(&b, &root->metrics);
	config->core.log_level = levels[root->log.level.integer];
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cmqttd.h"
#include "options.h"

int main(int argc, char **argv)
{
	struct options options;

	switch (options_parse(argc, argv, &options)) {
	case OPTIONS_RUN:
		return (int)cmqttd_run(&options);
	case OPTIONS_DONE:
		return CMQTTD_EXIT_OK;
	case OPTIONS_WRONG:
		return CMQTTD_EXIT_USAGE;
	}
	return CMQTTD_EXIT_FAILED;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>

static const char usage[] =
    "usage: cmqttd [-c FILE] [-t] [-v] [-V] [-h]\n"
    "\n"
    "  -c, --config=FILE  configuration (default: " CMQTTD_SYSCONFDIR "/cmqttd.conf)\n"
    "  -t, --test         check the configuration and leave: 0 right, 78 wrong\n"
    "  -v, --verbose      log more; twice: the traffic with the modem as well\n"
    "  -V, --version      print the version\n"
    "  -h, --help         print this\n";

enum options_result options_parse(int argc, char **argv, struct options *ret)
{
	static const struct option long_options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "test", no_argument, NULL, 't' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	*ret = (struct options){ .config = CMQTTD_SYSCONFDIR "/cmqttd.conf" };
	while ((option = getopt_long(argc, argv, "c:tvVh", long_options, NULL)) >= 0) {
		switch (option) {
		case 'c':
			ret->config = optarg;
			break;
		case 't':
			ret->is_test = true;
			break;
		case 'v':
			ret->verbose++;
			break;
		case 'V':
			printf("cmqttd %s\n", CMQTTD_VERSION);
			return OPTIONS_DONE;
		case 'h':
			fputs(usage, stdout);
			return OPTIONS_DONE;
		default:
			fputs(usage, stderr);
			return OPTIONS_WRONG;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "cmqttd: unexpected argument \"%s\"\n%s", argv[optind], usage);
		return OPTIONS_WRONG;
	}
	return OPTIONS_RUN;
}

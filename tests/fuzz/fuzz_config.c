/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration file of any bytes is read and freed. What it includes or names is not there: only
 * the text is to be tried.
 */
#define _GNU_SOURCE /* memfd_create */
#include "../../daemon/config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the text it was reading when a file ends within quotes. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_report report;
	struct config *config = NULL;
	char path[64];
	int fd, r;

	if (memmem(data, size, "@include", strlen("@include")))
		return 0;
	fd = memfd_create("cmqttd.conf", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config_report_init(&report);
	r = config_load(path, &report, &config);
	/* Taken without a mistake, or refused with one. */
	if ((r == 0) != (report.mistakes == 0) || (r == 0) != (config != NULL))
		abort();
	config_free(config);
	config_report_fini(&report);
	close(fd);
	return 0;
}

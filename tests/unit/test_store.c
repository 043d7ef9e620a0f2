/* SPDX-License-Identifier: Apache-2.0 */
#include "store_cases.h"

int main(void)
{
	return store_cases_run("store_ram", store_ram_new);
}

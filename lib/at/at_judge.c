/* SPDX-License-Identifier: Apache-2.0 */
#include "at/at_judge.h"

enum at_verdict at_judge(enum at_final final, enum at_answer answer)
{
	static const enum at_verdict table[3][5] = {
		[AT_FINAL_NONE] = {
			[AT_ANSWER_NOT_NEEDED] = AT_VERDICT_WAIT,
			[AT_ANSWER_AWAITED]    = AT_VERDICT_WAIT,
			[AT_ANSWER_ZERO]       = AT_VERDICT_WAIT,
			[AT_ANSWER_FINE]       = AT_VERDICT_WAIT,
			[AT_ANSWER_BAD]        = AT_VERDICT_WAIT,
		},
		[AT_FINAL_OK] = {
			[AT_ANSWER_NOT_NEEDED] = AT_VERDICT_DONE,
			[AT_ANSWER_AWAITED]    = AT_VERDICT_CONCLUDE,
			[AT_ANSWER_ZERO]       = AT_VERDICT_DONE,
			[AT_ANSWER_FINE]       = AT_VERDICT_DONE,
			[AT_ANSWER_BAD]        = AT_VERDICT_FAILED_ERR,
		},
		[AT_FINAL_ERROR] = {
			[AT_ANSWER_NOT_NEEDED] = AT_VERDICT_FAILED,
			[AT_ANSWER_AWAITED]    = AT_VERDICT_GRACE,
			[AT_ANSWER_ZERO]       = AT_VERDICT_FAILED,
			[AT_ANSWER_FINE]       = AT_VERDICT_DONE,
			[AT_ANSWER_BAD]        = AT_VERDICT_FAILED_ERR,
		},
	};

	return table[final][answer];
}

enum at_verdict at_judge_deadline(enum at_final final)
{
	switch (final) {
	case AT_FINAL_NONE:
		return AT_VERDICT_UNKNOWN_FENCE;
	case AT_FINAL_OK:
		return AT_VERDICT_UNKNOWN;
	case AT_FINAL_ERROR:
		return AT_VERDICT_FAILED;
	}
	return AT_VERDICT_UNKNOWN_FENCE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a command ended: the one place that decides it. Pure.
 *
 * The AT manual (16.2) and real modems together allow OK before the answer line, after it, ERROR
 * after it, before it, or alone; so final result and answer line are looked at together, in
 * whatever order they came.
 */
#ifndef CMQTTD_AT_AT_JUDGE_H
#define CMQTTD_AT_AT_JUDGE_H

/* The final result so far. */
enum at_final { AT_FINAL_NONE, AT_FINAL_OK, AT_FINAL_ERROR };

/* The answer (or refusal) line so far. */
enum at_answer {
	AT_ANSWER_NOT_NEEDED, /* not seen, and the command may end without */
	AT_ANSWER_AWAITED,    /* not seen, but it must come */
	AT_ANSWER_ZERO,       /* seen: error 0, or a line that carries no number */
	AT_ANSWER_FINE,       /* seen: an error number that counts as success */
	AT_ANSWER_BAD,        /* seen: another error number */
};

enum at_verdict {
	AT_VERDICT_WAIT,
	AT_VERDICT_GRACE,    /* failed, but the line that says why may follow at once */
	AT_VERDICT_CONCLUDE, /* others may use the channel; the answer is still awaited */
	AT_VERDICT_DONE,
	AT_VERDICT_FAILED,     /* without a reason */
	AT_VERDICT_FAILED_ERR, /* with the number of the answer */
	AT_VERDICT_UNKNOWN,
	AT_VERDICT_UNKNOWN_FENCE, /* the same, and the line is no longer ours */
};

/* After each line that says something about the command. */
enum at_verdict at_judge(enum at_final final, enum at_answer answer);

/* When the time is up, of the command or of the grace after ERROR. */
enum at_verdict at_judge_deadline(enum at_final final);

#endif

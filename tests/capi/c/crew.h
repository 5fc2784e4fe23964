/* Threads at work on the same things. */
#ifndef CREW_H
#define CREW_H

#include "check.h"

#include <pthread.h>

enum { CREW_MOST = 16 };

struct hand {
	pthread_t thread;
	int number;
	void (*work)(int number);
};

static inline void *
hand_(void *argument)
{
	struct hand *me = (struct hand *)argument;

	me->work(me->number);
	return NULL;
}

static inline void
begin_(struct hand *hand, int number, void (*work)(int number))
{
	hand->number = number;
	hand->work = work;
	RETURNS(pthread_create(&hand->thread, NULL, hand_, hand), 0);
}

/* Does the work with each number from 0 on, in a thread each, while this one does `meanwhile`, if it is to do something. */
static inline void
crew_while(int count, void (*work)(int number), void (*meanwhile)(void))
{
	struct hand hands[CREW_MOST];
	int at;

	for (at = 0; at < count; at++)
		begin_(&hands[at], at, work);
	if (meanwhile != NULL)
		meanwhile();
	for (at = 0; at < count; at++)
		RETURNS(pthread_join(hands[at].thread, NULL), 0);
}

static inline void
crew(int count, void (*work)(int number))
{
	crew_while(count, work, NULL);
}

#endif

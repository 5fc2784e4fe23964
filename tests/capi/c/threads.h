/* Threads and events of a host of callbacks, by those of POSIX. The `arg` of such a host begins with a struct threads. */
#ifndef THREADS_H
#define THREADS_H

#include <rump/rump_host.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct threads {
	int begun, running, events;
};

struct event {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int is_set;
};

static inline int
count_of(int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static inline void
count_by(int *counter, int by)
{
	__atomic_add_fetch(counter, by, __ATOMIC_SEQ_CST);
}

static uint64_t
real_monotonic(void *arg)
{
	struct timespec now;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline void
pause_for(int64_t nanoseconds)
{
	struct timespec time;

	time.tv_sec = nanoseconds / 1000000000;
	time.tv_nsec = nanoseconds % 1000000000;
	nanosleep(&time, NULL);
}

/* Waits for a change, under the lock, no longer than so many nanoseconds, or for ever if they are negative. Answers whether
 * they are over. */
static inline int
wait_until(pthread_cond_t *changed, pthread_mutex_t *lock, const struct timespec *until)
{
	return (until == NULL ? pthread_cond_wait(changed, lock) : pthread_cond_timedwait(changed, lock, until)) != 0;
}

/* When a timeout is over; NULL for one that never is. */
static inline const struct timespec *
end_of(int64_t timeout, struct timespec *until)
{
	const int64_t most = 1000000000000;

	if (timeout < 0)
		return NULL;
	clock_gettime(CLOCK_REALTIME, until);
	timeout = (timeout > most ? most : timeout) + until->tv_nsec;
	until->tv_sec += timeout / 1000000000;
	until->tv_nsec = timeout % 1000000000;
	return until;
}

static void *
event_create(void *arg)
{
	struct event *event = (struct event *)calloc(1, sizeof(*event));

	count_by(&((struct threads *)arg)->events, 1);
	pthread_mutex_init(&event->lock, NULL);
	pthread_cond_init(&event->changed, NULL);
	return event;
}

static void
event_set(void *arg, void *which)
{
	struct event *event = (struct event *)which;

	(void)arg;
	pthread_mutex_lock(&event->lock);
	event->is_set = 1;
	pthread_cond_signal(&event->changed);
	pthread_mutex_unlock(&event->lock);
}

static int
event_wait(void *arg, void *which, int64_t timeout)
{
	struct event *event = (struct event *)which;
	struct timespec room;
	const struct timespec *until = end_of(timeout, &room);
	int was_set, is_over = 0;

	(void)arg;
	pthread_mutex_lock(&event->lock);
	while (!event->is_set && !is_over)
		is_over = wait_until(&event->changed, &event->lock, until);
	was_set = event->is_set;
	event->is_set = 0;
	pthread_mutex_unlock(&event->lock);
	return was_set;
}

static void
event_destroy(void *arg, void *which)
{
	struct event *event = (struct event *)which;

	pthread_mutex_destroy(&event->lock);
	pthread_cond_destroy(&event->changed);
	free(event);
	count_by(&((struct threads *)arg)->events, -1);
}

struct start {
	struct threads *threads;
	void (*body)(void *);
	void *of_body;
};

static void *
run_body(void *argument)
{
	struct start start = *(struct start *)argument;

	free(argument);
	start.body(start.of_body);
	count_by(&start.threads->running, -1);
	return NULL;
}

static int
thread_start(void *arg, const char *name, void (*body)(void *), void *of_body)
{
	struct threads *threads = (struct threads *)arg;
	struct start *start = (struct start *)malloc(sizeof(*start));
	pthread_t thread;

	start->threads = threads;
	start->body = body;
	start->of_body = of_body;
	count_by(&threads->begun, *name != 0);
	count_by(&threads->running, 1);
	if (pthread_create(&thread, NULL, run_body, start) != 0) {
		count_by(&threads->running, -1);
		free(start);
		return EAGAIN;
	}
	return pthread_detach(thread);
}

/* Gives a host threads, and the clock that they wait by. */
static inline void
with_threads_of_posix(struct rump_host *host)
{
	host->monotonic = real_monotonic;
	host->thread_start = thread_start;
	host->event_create = event_create;
	host->event_set = event_set;
	host->event_wait = event_wait;
	host->event_destroy = event_destroy;
}

#endif

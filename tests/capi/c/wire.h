/* A wire of a host of callbacks: frames that a kernel sends are at the other side, and what is put there comes to it. */
#ifndef WIRE_H
#define WIRE_H

#include "threads.h"

#include <string.h>

#define FRAME_BYTES 2048
#define FRAMES 256

/* What an end does instead of what it should. */
enum whim { GOOD, RECEIVE_FAILS, SEND_FAILS, SEND_IS_FULL, IS_GONE, LIES, IS_LATE };

struct queue {
	unsigned char bytes[FRAMES][FRAME_BYTES];
	size_t lengths[FRAMES];
	unsigned int first, count;
};

struct wire;

struct end {
	struct wire *wire;
	int side, is_woken, lost;
	enum whim whim;
};

/* Side 0 and side 1: what one sends is in the queue of the other. */
struct wire {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct queue queues[2];
	struct end ends[2];
};

static inline void
wire_init(struct wire *wire)
{
	int side;

	pthread_mutex_init(&wire->lock, NULL);
	pthread_cond_init(&wire->changed, NULL);
	for (side = 0; side < 2; side++) {
		wire->ends[side].wire = wire;
		wire->ends[side].side = side;
	}
}

static inline void
set_whim(struct end *end, enum whim whim)
{
	pthread_mutex_lock(&end->wire->lock);
	end->whim = whim;
	pthread_cond_broadcast(&end->wire->changed);
	pthread_mutex_unlock(&end->wire->lock);
}

static int
end_send(void *arg, void *which, const void *frame, size_t length)
{
	static const int answers[] = { 0, 0, EIO, EAGAIN, ENETDOWN, 0, 0 };
	struct end *end = (struct end *)which;
	struct wire *wire = end->wire;
	struct queue *queue = &wire->queues[!end->side];
	int answer;

	(void)arg;
	pthread_mutex_lock(&wire->lock);
	answer = answers[end->whim];
	if (answer == 0 && length > FRAME_BYTES)
		answer = EMSGSIZE;
	if (answer == 0 && queue->count == FRAMES)
		answer = EAGAIN;
	if (answer == 0) {
		unsigned int at = (queue->first + queue->count++) % FRAMES;

		memcpy(queue->bytes[at], frame, length);
		queue->lengths[at] = length;
		pthread_cond_broadcast(&wire->changed);
	}
	end->lost += answer != 0;
	pthread_mutex_unlock(&wire->lock);
	return answer;
}

static int
end_receive(void *arg, void *which, void *buf, size_t size, size_t *length, int64_t timeout)
{
	struct end *end = (struct end *)which;
	struct wire *wire = end->wire;
	struct queue *queue = &wire->queues[end->side];
	struct timespec room;
	const struct timespec *until = end_of(timeout, &room);
	int answer = 0, is_over = 0;

	(void)arg;
	pthread_mutex_lock(&wire->lock);
	while (queue->count == 0 && !end->is_woken && !is_over && end->whim != RECEIVE_FAILS && end->whim != IS_GONE)
		is_over = wait_until(&wire->changed, &wire->lock, until);
	if (end->is_woken && end->whim == IS_LATE) {
		pthread_mutex_unlock(&wire->lock);
		pause_for(300000000);
		pthread_mutex_lock(&wire->lock);
	}
	if (end->whim == RECEIVE_FAILS || end->whim == IS_GONE)
		answer = end->whim == IS_GONE ? ENETDOWN : 4711;
	else if (queue->count > 0) {
		size_t all = queue->lengths[queue->first];

		*length = end->whim == LIES ? (size_t)-1 : all < size ? all : size;
		memcpy(buf, queue->bytes[queue->first], all < size ? all : size);
		queue->first = (queue->first + 1) % FRAMES;
		queue->count--;
	} else {
		end->is_woken = 0;
		answer = EAGAIN;
	}
	pthread_mutex_unlock(&wire->lock);
	return answer;
}

static void
end_wake(void *arg, void *which)
{
	struct end *end = (struct end *)which;

	(void)arg;
	pthread_mutex_lock(&end->wire->lock);
	end->is_woken = 1;
	pthread_cond_broadcast(&end->wire->changed);
	pthread_mutex_unlock(&end->wire->lock);
}

#endif

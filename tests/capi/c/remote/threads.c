/* Threads of a client at once: calls that wait, and calls that do not. Links: rumpclient */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../crew.h"
#include "far.h"

enum { PAIRS = 4, ROUNDS = 50, BYTES = 3000 };

static int there[PAIRS][2], back[PAIRS][2];

static void
transfer(int fd, unsigned char *bytes, int is_written)
{
	ssize_t count;
	size_t done = 0;

	while (done < BYTES) {
		count = is_written ? rump_sys_write(fd, bytes + done, BYTES - done)
		                   : rump_sys_read(fd, bytes + done, BYTES - done);
		if (count <= 0) {
			CHECK(count > 0);
			return;
		}
		done += (size_t)count;
	}
}

/* One of a pair asks, the other answers with each byte one more. */
static void
talk(int number)
{
	unsigned char bytes[BYTES], answer[BYTES];
	int pair = number / 2, round, at;

	for (round = 0; round < ROUNDS; round++) {
		if (number % 2 == 0) {
			memset(bytes, number + round, sizeof bytes);
			transfer(there[pair][1], bytes, 1);
			transfer(back[pair][0], answer, 0);
			for (at = 0; at < BYTES && answer[at] == (unsigned char)(bytes[at] + 1); at++)
				continue;
			RETURNS(at, BYTES);
		} else {
			transfer(there[pair][0], bytes, 0);
			for (at = 0; at < BYTES; at++)
				bytes[at]++;
			transfer(back[pair][1], bytes, 1);
		}
	}
}

int
main(void)
{
	int pair;

	far_begin();
	far_start(far_url);
	RETURNS(rumpclient_init(), 0);
	for (pair = 0; pair < PAIRS; pair++)
		CHECK(rump_sys_pipe(there[pair]) == 0 && rump_sys_pipe(back[pair]) == 0);
	crew(2 * PAIRS, talk);
	return far_end();
}

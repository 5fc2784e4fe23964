/* Forks while threads make calls of a server that goes and comes again. A child makes one call. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 3, FORKS = 100, SECONDS = 20 };

static const char *path;

static void once(void)
{
	int fd = open(path, O_RDONLY);
	if (fd >= 0)
		close(fd);
}

static void *busy(void *is_over)
{
	while (!*(volatile int *)is_over)
		once();
	return NULL;
}

/* The server may go when it has been told of a child, and before there is one. */
static void dawdle(void)
{
	usleep(30000);
}

/* Whether a child ends within ten seconds. It is killed else. */
static int ends(pid_t child)
{
	int rounds, status;
	for (rounds = 0; rounds < 10000; rounds++) {
		if (waitpid(child, &status, WNOHANG) == child)
			return 1;
		usleep(1000);
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	int is_over = 0, hung = 0;
	time_t end = time(NULL) + SECONDS;
	if (argc < 2)
		return 2;
	path = argv[1];
	pthread_atfork(dawdle, NULL, NULL);
	once();
	for (int number = 0; number < THREADS; number++)
		pthread_create(&threads[number], NULL, busy, &is_over);
	for (int number = 0; number < FORKS && hung < 2 && time(NULL) < end; number++) {
		pid_t child = fork();
		if (child == 0) {
			once();
			_exit(0);
		}
		/* There is no child where the server went while it was told of one. */
		hung += child > 0 && !ends(child);
	}
	is_over = 1;
	for (int number = 0; number < THREADS; number++)
		pthread_join(threads[number], NULL);
	printf("%d hung\n", hung);
	return 0;
}

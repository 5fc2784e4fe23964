/* Forks while threads open, watch and close what is the kernel's. A child does the same once, or is ended. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 3, FORKS = 300 };

static const char *path;

static void once(void)
{
    struct epoll_event event = { .events = EPOLLIN };
    int set = epoll_create1(EPOLL_CLOEXEC), peer = socket(AF_INET, SOCK_DGRAM, 0);
    FILE *file = fopen(path, "r");
    epoll_ctl(set, EPOLL_CTL_ADD, peer, &event);
    if (chdir("/") == 0 && file)
        fclose(file);
    close(peer);
    close(set);
}

static void *busy(void *is_over)
{
    while (!*(volatile int *)is_over)
        once();
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    int is_over = 0, status, failed = 0;
    if (argc < 2)
        return 2;
    path = argv[1];
    once();
    for (int number = 0; number < THREADS; number++)
        pthread_create(&threads[number], NULL, busy, &is_over);
    for (int number = 0; number < FORKS && failed < 3; number++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(10);
            once();
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            failed++;
    }
    is_over = 1;
    for (int number = 0; number < THREADS; number++)
        pthread_join(threads[number], NULL);
    printf("%d failed\n", failed);
    return 0;
}

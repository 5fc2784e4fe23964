/* System calls of a variable number of arguments: what C can say and Rust cannot. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/types.h>

int rump_sys_open(const char *path, int flags, ...);
int rump_sys_openat(int dir, const char *path, int flags, ...);
int rump_sys_fcntl(int fd, int command, ...);
int rump_sys_ioctl(int fd, unsigned long request, ...);

/* In Rust. */
int rump_i_openat(int dir, const char *path, int flags, mode_t mode);
int rump_i_fcntl(int fd, int command, int argument);
int rump_i_fcntl_lock(int fd, int command, struct flock *lock);
int rump_i_ioctl(int fd, unsigned long request, void *argument);

/* A mode is passed promoted, and only where a file may be made. */
#define MODE_OF(flags, last)                             \
	mode_t mode = 0;                                 \
	if ((flags) & O_CREAT) {                         \
		va_list arguments;                       \
		va_start(arguments, last);               \
		mode = (mode_t)va_arg(arguments, int);   \
		va_end(arguments);                       \
	}

int
rump_sys_open(const char *path, int flags, ...)
{
	MODE_OF(flags, flags)
	return rump_i_openat(AT_FDCWD, path, flags, mode);
}

int
rump_sys_openat(int dir, const char *path, int flags, ...)
{
	MODE_OF(flags, flags)
	return rump_i_openat(dir, path, flags, mode);
}

/* Only some commands have an argument. */
int
rump_sys_fcntl(int fd, int command, ...)
{
	va_list arguments;
	struct flock *lock = 0;
	int argument = 0;

	va_start(arguments, command);
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
	case F_SETFD:
	case F_SETFL:
		argument = va_arg(arguments, int);
		break;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
		lock = va_arg(arguments, struct flock *);
		va_end(arguments);
		return rump_i_fcntl_lock(fd, command, lock);
	default:
		break;
	}
	va_end(arguments);
	return rump_i_fcntl(fd, command, argument);
}

/* Requests of BSD's that have no argument say so: IOC_VOID. */
#define WITHOUT_ARGUMENT 0x20000000UL

int
rump_sys_ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument = 0;

	if (request != FIOCLEX && request != FIONCLEX && (request & 0xe0000000UL) != WITHOUT_ARGUMENT) {
		va_start(arguments, request);
		argument = va_arg(arguments, void *);
		va_end(arguments);
	}
	return rump_i_ioctl(fd, request, argument);
}

/* server.c - see server.h. */
#include "dev/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_FD 3			/* sd_listen_fds(3) */
#define PATIENCE 60			/* seconds that it may take to end by itself, and 5 more when asked to */

extern char **environ;

/* The child's environment: ours, but for what socket activation says, and with messages in English. */
struct environment {
	char **v;
	char pid[32];
};

static int make_environment(struct environment *e)
{
	static char fds[] = "LISTEN_FDS=1", words[] = "LC_ALL=C";
	size_t n = 0, k = 0;

	while (environ && environ[n])
		n++;
	e->v = calloc(n + 4, sizeof(*e->v));
	if (!e->v)
		return -1;
	e->v[k++] = fds;
	e->v[k++] = words;
	e->v[k++] = e->pid;
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "LISTEN_", 7) != 0 && strncmp(environ[i], "LC_ALL=", 7) != 0)
			e->v[k++] = environ[i];
	return 0;
}

/* Behind a fork of a process that may have threads: no memory may be asked for. */
static void put_number(char *out, const char *before, unsigned long n)
{
	char digits[24];
	int i = 0;

	while (*before)
		*out++ = *before++;
	do
		digits[i++] = (char)('0' + n % 10);
	while (n /= 10);
	while (i)
		*out++ = digits[--i];
	*out = 0;
}

/* Descriptor `from` becomes `to`, and stays open; -1 is none. All are above FIRST_FD + 1 before. */
static bool place(int from, int to)
{
	return from < 0 || dup2(from, to) >= 0;
}

__attribute__((noreturn)) static void become(char *const argv[], struct environment *e, int listener, int keep, int words)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	listener = listener < 0 ? -1 : fcntl(listener, F_DUPFD_CLOEXEC, IM_SERVER_FILE + 1);
	keep = keep < 0 ? -1 : fcntl(keep, F_DUPFD_CLOEXEC, IM_SERVER_FILE + 1);
	words = fcntl(words, F_DUPFD_CLOEXEC, IM_SERVER_FILE + 1);
	null = fcntl(null, F_DUPFD_CLOEXEC, IM_SERVER_FILE + 1);
	if (!place(null, 0) || !place(null, 1) || !place(words, 2) || !place(listener, FIRST_FD) || !place(keep, IM_SERVER_FILE))
		_exit(126);
	put_number(e->pid, "LISTEN_PID=", (unsigned long)getpid());
	execvpe(argv[0], argv, e->v);
	_exit(127);
}

static int spawn(struct im_server *s, char *const argv[], int listener, int keep, struct im_error *err)
{
	struct environment e = { 0 };

	s->words = memfd_create("words", MFD_CLOEXEC);
	if (s->words < 0 || make_environment(&e) < 0) {
		if (s->words >= 0)
			close(s->words);
		return im_error_sys(err, errno, "cannot prepare to run %s", argv[0]);
	}
	s->pid = fork();
	if (s->pid == 0)
		become(argv, &e, listener, keep, s->words);
	free(e.v);
	if (s->pid > 0)
		return 0;
	s->pid = 0;
	close(s->words);
	return im_error_sys(err, errno, "cannot run %s", argv[0]);
}

/* A listening socket and a connection to it; its name is gone again. */
static int make_pair(int *listener, int *client, struct im_error *err)
{
	char folder[] = "/tmp/imgmend-XXXXXX";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int rc = -1;

	*client = -1;
	*listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*listener < 0 || !mkdtemp(folder)) {
		if (*listener >= 0)
			close(*listener);
		return im_error_sys(err, errno, "cannot make a socket for a server");
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/nbd", folder);
	if (bind(*listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(*listener, 1) == 0) {
		*client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (*client >= 0)
			rc = connect(*client, (struct sockaddr *)&address, sizeof(address));
	}
	if (rc < 0) {
		im_error_sys(err, errno, "cannot make a socket for a server");
		close(*listener);
		if (*client >= 0)
			close(*client);
	}
	unlink(address.sun_path);
	rmdir(folder);
	return rc;
}

int im_server_start(struct im_server *s, char *const argv[], int keep, int *fd, struct im_error *err)
{
	int listener, rc;

	*s = (struct im_server){ .words = -1 };
	if (make_pair(&listener, fd, err) < 0)
		return -1;
	rc = spawn(s, argv, listener, keep, err);
	close(listener);
	if (rc < 0)
		close(*fd);
	return rc;
}

void im_server_words(const struct im_server *s, char *line, size_t len)
{
	ssize_t n = s->words < 0 ? 0 : pread(s->words, line, len - 1, 0);

	line[n < 0 ? 0 : n] = 0;
	while (n > 0 && line[n - 1] == '\n')
		line[--n] = 0;
	for (char *p = line; (p = strchr(p, '\n'));)
		*p = ' ';
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Has it ended within that many seconds? */
static bool ends_within(pid_t pid, double patience, int *status)
{
	double end = seconds() + patience;
	struct timespec t = { .tv_nsec = 1000000 };

	for (;;) {
		pid_t done = waitpid(pid, status, WNOHANG);

		if (done == pid || (done < 0 && errno != EINTR))
			return true;
		if (seconds() > end)
			return false;
		nanosleep(&t, NULL);
		t.tv_nsec = t.tv_nsec < 50000000 ? t.tv_nsec * 2 : 100000000;
	}
}

/* The exit status, -1 where it had to be ended. */
static int wait_for_end(pid_t pid)
{
	int status = 0;

	if (ends_within(pid, PATIENCE, &status))
		return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	kill(pid, SIGTERM);
	/* one that is stopped does not hear it */
	kill(pid, SIGCONT);
	if (!ends_within(pid, 5, &status)) {
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	return -1;
}

void im_server_stop(struct im_server *s)
{
	if (s->pid)
		wait_for_end(s->pid);
	if (s->words >= 0)
		close(s->words);
	*s = (struct im_server){ .words = -1 };
}

int im_server_run(char *const argv[], int keep, struct im_error *err)
{
	struct im_server s = { .words = -1 };
	char line[400];
	int status;

	if (spawn(&s, argv, -1, keep, err) < 0)
		return -1;
	status = wait_for_end(s.pid);
	im_server_words(&s, line, sizeof(line));
	close(s.words);
	if (status == 0)
		return 0;
	if (status == 127)
		return im_error_set(err, IM_EREFUSED, "%s is not installed here", argv[0]);
	return im_error_set(err, IM_EIO, "%s failed: %s", argv[0], line);
}

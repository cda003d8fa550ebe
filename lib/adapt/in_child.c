/* in_child.c - the child's side: its limits, its descriptors, its sandbox, and what it asks of its parent. */
#include <config.h>

#include "adapt/child_talk.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapt/sandbox.h"
#include "base/bytes.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(COVERAGE)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#ifdef COVERAGE	/* the counts of a process are written to files at its end, which _exit leaves out */
void __gcov_dump(void);
#define write_counts() __gcov_dump()
#else
#define write_counts() ((void)0)
#endif

#define CPU_SECONDS 20
#define MEMORY (512ull << 20)	/* above what the parent had mapped */
#define CHILD_FD 3		/* the first of IM_CHILD_FDS */
#define CHILD_SOCK (CHILD_FD + IM_CHILD_FDS)

static void send_all(int sock, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = send(sock, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(2);
		p += n;
		len -= (size_t)n;
	}
}

static void receive_all(int sock, void *data, size_t len)
{
	uint8_t *p = data;

	while (len) {
		ssize_t n = recv(sock, p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(2);
		p += n;
		len -= (size_t)n;
	}
}

int im_child_read(const struct im_child *child, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		struct im_request rq = { .kind = IM_REQUEST_READ, .len = (uint32_t)im_min(len, IM_CHILD_MAX_READ), .off = off };
		int32_t status;

		send_all(child->sock, &rq, sizeof(rq));
		receive_all(child->sock, &status, sizeof(status));
		if (status)
			return -1;
		receive_all(child->sock, p, rq.len);
		p += rq.len;
		off += rq.len;
		len -= rq.len;
	}
	return 0;
}

struct child_dev {
	struct im_dev dev;
	const struct im_child *child;
};

static int child_dev_read(struct im_dev *dev, uint64_t off, void *buf, size_t len, struct im_error *err)
{
	if (im_child_read(((struct child_dev *)dev)->child, off, buf, len) < 0)
		return im_error_at(err, IM_EIO, off, "the parent could not read");
	return 0;
}

static void child_dev_close(struct im_dev *dev)
{
	free(dev);
}

static const struct im_dev_ops child_dev_ops = {
	.read = child_dev_read,
	.close = child_dev_close,
};

struct im_dev *im_child_dev(const struct im_child *child, uint64_t size)
{
	struct child_dev *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->dev = (struct im_dev){ .ops = &child_dev_ops, .size = size, .sector_size = 512, .is_read_only = true };
	d->child = child;
	return &d->dev;
}

void im_child_answer(const struct im_child *child, size_t total)
{
	struct im_request rq = { .kind = IM_REQUEST_ANSWER, .len = (uint32_t)total };

	if (total > IM_CHILD_MAX_ANSWER)
		_exit(IM_CHILD_TOO_LONG);
	send_all(child->sock, &rq, sizeof(rq));
}

void im_child_put(const struct im_child *child, const void *data, size_t len)
{
	send_all(child->sock, data, len);
}

static void limit(int what, rlim_t value)
{
	struct rlimit now, want = { value, value };

	if (getrlimit(what, &now) == 0 && now.rlim_max < value)
		want.rlim_cur = want.rlim_max = now.rlim_max;
	setrlimit(what, &want);
}

static void limit_memory(void)
{
	unsigned long pages = 0;
	FILE *f = SANITIZED ? NULL : fopen("/proc/self/statm", "re");

	if (!f)
		return;
	if (fscanf(f, "%lu", &pages) == 1)
		limit(RLIMIT_AS, (rlim_t)(pages * (unsigned long)sysconf(_SC_PAGESIZE) + MEMORY));
	fclose(f);
}

/* As `want`, or closed where there is none. */
static void place_descriptor(int fd, int want)
{
	if (fd < 0)
		close(want);
	else if (dup2(fd, want) < 0)
		_exit(2);
}

/* Descriptors: 0–2 nothing, then what was handed over, the socket, no others. */
static void arrange_descriptors(struct im_child *child, const int *fds, int sock)
{
	int s = fcntl(sock, F_DUPFD, 16), f[IM_CHILD_FDS], null = open("/dev/null", O_RDWR);

	for (int i = 0; i < IM_CHILD_FDS; i++) {
		bool is_there = fds && fds[i] >= 0;

		f[i] = is_there ? fcntl(fds[i], F_DUPFD, 16) : -1;
		if (is_there && f[i] < 0)
			_exit(2);
	}
	if (s < 0 || null < 0)
		_exit(2);
	/* a sanitizer's report should be seen */
	for (int i = 0; i < (SANITIZED ? 2 : 3); i++)
		place_descriptor(null, i);
	for (int i = 0; i < IM_CHILD_FDS; i++) {
		place_descriptor(f[i], CHILD_FD + i);
		child->fds[i] = f[i] < 0 ? -1 : CHILD_FD + i;
	}
	place_descriptor(s, CHILD_SOCK);
	closefrom(CHILD_SOCK + 1);	/* or, where that cannot be, it ends here */
	child->sock = CHILD_SOCK;
}

/* What libraries allocate and free again and again stays with the process: to get the same memory from the system anew costs more than
 * the reading that it is for. */
static void keep_memory(void)
{
#if defined(M_MMAP_THRESHOLD) && defined(M_TRIM_THRESHOLD)
	mallopt(M_MMAP_THRESHOLD, 16 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

_Noreturn void im_child_be(im_child_fn fn, const struct im_child_needs *needs, const void *arg, const int *fds, int sock, pid_t parent)
{
	struct im_child child;
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM, SIGXCPU };
	sigset_t none;

	im_intl_use(false);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (getppid() != parent)
		_exit(2);
	/* an interruption is for the parent to handle; the parent's handlers are not for us */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (size_t i = 0; !SANITIZED && i < sizeof(faults) / sizeof(*faults); i++)
		signal(faults[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	arrange_descriptors(&child, fds, sock);
	keep_memory();
	limit(RLIMIT_CORE, 1);	/* 1, not 0: that silences a core_pattern with a pipe as well */
	limit(RLIMIT_CPU, CPU_SECONDS);
	if (needs && needs->prepare)
		needs->prepare();
	limit_memory();
	/* a sanitizer needs more of the system than the sandbox leaves */
	if (!SANITIZED && im_sandbox_enter(needs && needs->opens_proc) < 0)
		_exit(IM_CHILD_NO_SANDBOX);
	fn(&child, arg);
	write_counts();
	_exit(0);
}

/* gap.c - see gap.h. */
#include "exec/gap.h"

#include "base/bytes.h"

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15;
	return (h ^ h >> 32) * 0xd6e8feb86659fd93;
}

static uint64_t hash_of(const struct im_physical *p)
{
	return p->len ? mix(mix(mix(0, p->off), p->len), p->at) : 0;
}

/* What of p lies in [start, end), moved back by that many bytes. */
static struct im_physical part_of(const struct im_physical *p, uint64_t start, uint64_t end, uint64_t back)
{
	start = im_max(start, p->off);
	end = im_min(end, p->off + p->len);
	return start < end ? (struct im_physical){ start - back, end - start, p->at + (start - p->off) } : (struct im_physical){ 0 };
}

/* The sum of the extents' hashes, neighbours that continue each other being one. */
struct sum {
	struct im_physical open;	/* the last one, which the next may continue */
	uint64_t hash;
};

static void add_piece(struct sum *s, struct im_physical p)
{
	if (!p.len)
		return;
	if (im_physical_continues(&s->open, &p)) {
		s->open.len += p.len;
		return;
	}
	s->hash += hash_of(&s->open);
	s->open = p;
}

uint64_t im_gap_fingerprint(const struct im_physicals *p, uint64_t from, uint64_t until, uint64_t gap, uint64_t len)
{
	struct sum s = { 0 };

	for (size_t i = 0; i < p->list.n; i++) {
		add_piece(&s, part_of(&p->list.v[i], from, im_min(gap, until), 0));
		add_piece(&s, part_of(&p->list.v[i], im_max(from, gap + len), until, len));
	}
	return s.hash + hash_of(&s.open);
}

/* A gap further on lies in a hole of the file. Extents are looked at once: those in front of it as they are, those behind it moved
 * back. */
bool im_gap_find(const struct im_physicals *p, const struct im_step *step, uint64_t unit, uint64_t size, uint64_t fingerprint,
		 uint64_t *gap)
{
	struct im_physical before = { 0 }, all, moved;
	uint64_t front = 0, back = 0;

	if (!im_round_up(size, unit, &size))
		return false;
	/* here, whatever it holds: the insertion is complete, or the removal has just begun */
	*gap = step->off;
	if (im_gap_fingerprint(p, unit, UINT64_MAX, step->off, step->len) == fingerprint)
		return true;
	for (size_t i = 0; i < p->list.n; i++) {
		moved = part_of(&p->list.v[i], unit, UINT64_MAX, step->len);
		back += hash_of(&moved);
	}
	for (size_t i = 0; i <= p->list.n; i++) {
		uint64_t hole = im_max(step->off, before.off + before.len), next = i < p->list.n ? p->list.v[i].off : size;

		moved = i < p->list.n ? part_of(&p->list.v[i], unit, UINT64_MAX, step->len) : (struct im_physical){ 0 };
		if (im_round_up(hole, unit, &hole) && next > hole && next - hole >= step->len) {
			uint64_t sum = front + back;

			if (im_physical_continues(&before, &moved)) {
				all = before;
				all.len += moved.len;
				sum += hash_of(&all) - hash_of(&before) - hash_of(&moved);
			}
			*gap = hole;
			if (sum == fingerprint)
				return true;
		}
		if (i == p->list.n)
			break;
		before = part_of(&p->list.v[i], unit, UINT64_MAX, 0);
		front += hash_of(&before);
		back -= hash_of(&moved);
	}
	return false;
}

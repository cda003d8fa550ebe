/* hold.h - what must not be under way in another thread when a child is forked.
 *
 * A child of fork() has the forking thread alone, and every lock of the C library as it was at that moment: one that another
 * thread had taken stays taken for good. The readers of foreign libraries run in such children, and load libparted there,
 * which calls bindtextdomain(). So what loads a library or looks up a sentence holds this lock, and so does every fork of the
 * process, by itself. Nothing that forks, loads or translates is called by who holds it.
 */
#ifndef IM_BASE_HOLD_H
#define IM_BASE_HOLD_H

void im_hold(void);
void im_release(void);

#endif

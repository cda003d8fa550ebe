# containers.sh - the group of bench.sh that repairs through servers. Sourced.

# nbd_on FILE: qemu-nbd on a raw file, at $URI
nbd_on() {
	rm -f nbd.sock
	qemu-nbd -f raw -k "$WORK/nbd.sock" --fork --pid-file=nbd.pid --cache=writeback --discard=unmap -t "$1" >out 2>&1 || stop "qemu-nbd: $(cat out)"
	URI="nbd+unix:///?socket=$WORK/nbd.sock"
}

nbd_off() {
	kill "$(cat nbd.pid)"
	while kill -0 "$(cat nbd.pid)" 2>/dev/null; do sleep 0.05; done
}

# repair_and_back NAME: NS of fix; the data is what it was after undo
repair_and_back() {
	cold
	timed 1 "$PROGRAM" fix --yes -q --journal journal "$1"
	local ours=$NS
	timed 0 "$PROGRAM" undo --yes -q --journal journal "$1"
	NS=$ours
}

# A partition that moves by 1 MiB - 512, in a raw file, the same file over NBD, and a qcow2; beside nbdcopy and qemu-img of
# the whole.
bench_containers() {
	local turn native nbd qcow2
	partition disk.img 1 "$MIB"
	qemu-img convert -f raw -O qcow2 disk.img disk.qcow2
	truncate -s "$(stat -c %s disk.img)" copy.img
	for turn in $(seq "$TURNS"); do
		repair_and_back disk.img
		native=$NS
		nbd_on disk.img
		repair_and_back "$URI"
		nbd=$NS
		cold
		timed 0 nbdcopy --flush --destination-is-zero "$URI" copy.img
		ratio "raw over NBD" imgmend nbdcopy "$nbd" "$NS"
		nbd_off
		ratio "raw over NBD" imgmend native "$nbd" "$native"
		repair_and_back disk.qcow2
		qcow2=$NS
		ratio qcow2 imgmend native "$qcow2" "$native"
		cold
		timed 0 qemu-img convert -t writeback -f qcow2 -O qcow2 disk.qcow2 other.qcow2
		ratio qcow2 imgmend convert "$qcow2" "$NS"
		rm -f other.qcow2
	done
	result "raw over NBD" imgmend nbdcopy -
	result "raw over NBD" imgmend native -
	result qcow2 imgmend native -
	result qcow2 imgmend convert -
	rm -f disk.img disk.qcow2 copy.img
	sparse_container
}

# What a qcow2 of 64 GiB with 640 MiB of data has allocated, before and after.
sparse_container() {
	local i before
	truncate -s $((512 + 65538 * 1048576)) disk.img
	printf 'label: dos\nstart=1, size=%d, type=83\n' $((65536 * 2048)) | sfdisk -q disk.img
	random_bytes 1048576 >piece
	for i in $(seq 0 100 65535); do
		dd if=piece of=disk.img bs=1M seek=$((512 + i * 1048576)) oflag=seek_bytes conv=notrunc status=none
	done
	qemu-img convert -f raw -O qcow2 disk.img disk.qcow2
	before=$(stat -c %b disk.qcow2)
	cold
	timed 1 "$PROGRAM" fix --yes -q --journal journal disk.qcow2
	figure "sparse qcow2, fix" $((NS / 1000000)) ms -
	figure "sparse qcow2, allocated before" $((before / 2048)) MiB -
	figure "sparse qcow2, allocated after" $(($(stat -c %b disk.qcow2) / 2048)) MiB "as before, but for blocks that straddle"
	rm -f disk.img disk.qcow2 piece journal
}

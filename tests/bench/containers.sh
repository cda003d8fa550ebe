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

# A partition that moves by 1 MiB - 512, in a raw file, the same file over NBD, a qcow2 and a vhdx; beside nbdcopy and qemu-img of
# the whole.
bench_containers() {
	local turn native format
	partition disk.img 1 "$MIB"
	for format in qcow2 vhdx; do
		qemu-img convert -f raw -O $format disk.img disk.$format
	done
	truncate -s "$(stat -c %s disk.img)" copy.img
	for turn in $(seq "$TURNS"); do
		repair_and_back disk.img
		native=$NS
		turn_over_nbd "$native"
		for format in qcow2 vhdx; do
			turn_of $format "$native"
		done
	done
	result "raw over NBD" imgmend nbdcopy -
	result "raw over NBD" imgmend native -
	for format in qcow2 vhdx; do
		result $format imgmend native -
		result $format imgmend convert -
	done
	rm -f disk.img disk.qcow2 disk.vhdx copy.img
	sparse_container
}

turn_over_nbd() {
	local ours
	nbd_on disk.img
	repair_and_back "$URI"
	ours=$NS
	cold
	timed 0 nbdcopy --flush --destination-is-zero "$URI" copy.img
	ratio "raw over NBD" imgmend nbdcopy "$ours" "$NS"
	nbd_off
	ratio "raw over NBD" imgmend native "$ours" "$1"
}

# turn_of FORMAT NATIVE
turn_of() {
	local ours
	repair_and_back disk.$1
	ours=$NS
	ratio "$1" imgmend native "$ours" "$2"
	cold
	timed 0 qemu-img convert -t writeback -f "$1" -O "$1" disk.$1 other.$1
	ratio "$1" imgmend convert "$ours" "$NS"
	rm -f other.$1
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

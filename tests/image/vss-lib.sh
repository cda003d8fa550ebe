# vss-lib.sh - makes what Volsnap leaves on a volume: header, catalog and one store.
#
# Sourced after ntfs-lib.sh. Source of the format: libyal, "Volume Shadow Snapshot (VSS) format".

VSS_GUID=6b87083876c1484eb7ae04046e6cc752
VSS_NAME='{3808876b-c176-4e48-b7ae-04046e6cc752}'
VSS_STORE_GUID=04030201060508070910111213141516
VSS_STORE_NAME='{01020304-0506-0708-0910-111213141516}'
VSS_FOLDER='/System Volume Information'

# put FILE OFFSET HEX...: write these bytes
put() {
	local file=$1 off=$2
	shift 2
	printf '%b' "$(printf %s "$@" | sed 's/../\\x&/g')" |
		dd of="$file" bs=65536 oflag=seek_bytes seek="$off" conv=notrunc status=none
}

# number VALUE BYTES: little-endian, in hex
number() {
	local i
	for ((i = 0; i < $2; i++)); do printf %02x $(($1 >> 8 * i & 255)); done
}

# vss_record FILE OFFSET TYPE RELATIVE: a block's record header
vss_record() {
	put "$1" "$2" $VSS_GUID "$(number 1 4)" "$(number "$3" 4)" "$(number "$4" 8)" "$(number "$2" 8)" "$(number 0 8)"
}

# vss_files VOLUME: the catalog's file and the store's, not yet anything in them
vss_files() {
	quiet ntfsfill "$1" directory "$VSS_FOLDER" 0 plain "$VSS_FOLDER/$VSS_NAME" 16384 \
		plain "$VSS_FOLDER/$VSS_STORE_NAME$VSS_NAME" 65536
}

# vss_fill VOLUME CATALOG STORE: a catalog with one local store, both at these offsets (multiples
# of 16384), where the clusters of their files lie
vss_fill() {
	local vol=$1 catalog=$2 store=$3 record
	record=$(ntfsmap -r "$vol" 2>/dev/null | awk -F'\t' -v l=$((store / CLUSTER)) '$5 == l { print $1 }')
	[ -n "$record" ] || fail "no file starts at $store"
	dd if=/dev/zero of="$vol" bs=16384 oflag=seek_bytes seek="$catalog" count=1 conv=notrunc status=none
	dd if=/dev/zero of="$vol" bs=16384 oflag=seek_bytes seek="$store" count=4 conv=notrunc status=none
	vss_record "$vol" "$catalog" 2 0
	put "$vol" $((catalog + 128)) "$(number 2 8)" "$(number "$(size_of "$vol")" 8)" $VSS_STORE_GUID \
		"$(number 1 8)" "$(number 0 8)" "$(number 133000000000000000 8)"
	put "$vol" $((catalog + 256)) "$(number 3 8)" "$(number $((store + 16384)) 8)" $VSS_STORE_GUID \
		"$(number "$store" 8)" "$(number $((store + 32768)) 8)" "$(number $((store + 49152)) 8)" \
		"$(number $((record + (1 << 48))) 8)" "$(number 65536 8)" "$(number 0 8)"
	vss_record "$vol" "$store" 4 0
	put "$vol" $((store + 48)) "$(number 128 8)"
	put "$vol" $((store + 128)) "$(number 0 16)" $VSS_STORE_GUID "$(number 0 16)"
	vss_record "$vol" $((store + 16384)) 3 16384
	vss_record "$vol" $((store + 32768)) 5 32768
	vss_record "$vol" $((store + 49152)) 6 49152
}

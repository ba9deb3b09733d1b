package main

import (
	"bytes"
	"compress/lzw"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// memberlist's codec cannot be called from outside. These are the wire's records (names and types decide the bytes),
// put through the same library with the same handle, buffer and calls as memberlist makes for each message.

type pingRecord struct {
	SeqNo      uint32
	Node       string
	SourceAddr []byte `codec:",omitempty"`
	SourcePort uint16 `codec:",omitempty"`
	SourceNode string `codec:",omitempty"`
}

type indirectPingRecord struct {
	SeqNo      uint32
	Target     []byte
	Port       uint16
	Node       string
	Nack       bool
	SourceAddr []byte `codec:",omitempty"`
	SourcePort uint16 `codec:",omitempty"`
	SourceNode string `codec:",omitempty"`
}

type ackRecord struct {
	SeqNo   uint32
	Payload []byte
}

type nackRecord struct{ SeqNo uint32 }

// accusationRecord is a suspect or a dead message: their bodies are alike.
type accusationRecord struct {
	Incarnation uint32
	Node        string
	From        string
}

type aliveRecord struct {
	Incarnation uint32
	Node        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Vsn         []uint8
}

type pushPullHeader struct {
	Nodes        int
	UserStateLen int
	Join         bool
}

type pushPullEntry struct {
	Name        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Incarnation uint32
	State       int
	Vsn         []uint8
}

type compressedRecord struct {
	Algo uint8
	Buf  []byte
}

// figure is one line of the table.
type figure struct {
	Name      string  `json:"name"`
	WireBytes int     `json:"wireBytes,omitempty"`
	Ns        float64 `json:"ns"`
}

var sink any

// codecs measures every operation for about the given time, the median of three rounds, on one core.
func codecs(round time.Duration) any {
	runtime.GOMAXPROCS(1)
	out := []figure{}
	measure := func(name string, wireBytes int, f func()) {
		out = append(out, figure{Name: name, WireBytes: wireBytes, Ns: timePerCall(round, f)})
	}
	for _, m := range messages() {
		wire := encode(m.kind, m.value)
		measure("encode "+m.name, len(wire), func() { sink = encode(m.kind, m.value) })
		measure("decode "+m.name, len(wire), func() {
			target := m.empty()
			decode(wire[1:], target)
			sink = target
		})
	}

	parts := [][]byte{}
	for i := range 17 {
		parts = append(parts, encode(4, alive(i, nil)))
	}
	packed := pack(parts)
	measure("pack 17 alives into a compound", len(packed), func() { sink = pack(parts) })
	measure("unpack a compound of 17", len(packed), func() { sink = unpack(packed[1:]) })
	records := []*aliveRecord{}
	for i := range 17 {
		records = append(records, alive(i, nil))
	}
	measure("encode a packet of 17 alives", len(packed), func() {
		encoded := make([][]byte, 0, 17)
		for _, record := range records {
			encoded = append(encoded, encode(4, record))
		}
		sink = pack(encoded)
	})
	measure("decode a packet of 17 alives", len(packed), func() {
		for _, part := range unpack(packed[1:]) {
			var record aliveRecord
			decode(part[1:], &record)
			sink = &record
		}
	})

	state := pushPull(100)
	measure("encode a push/pull of 100 members", len(state), func() { sink = pushPull(100) })
	measure("decode a push/pull of 100 members", len(state), func() { sink = readPushPull(state) })

	squeezed := compress(packed)
	measure("compress a packet of 17 alives", len(squeezed), func() { sink = compress(packed) })
	measure("decompress a packet of 17 alives", len(squeezed), func() { sink = decompress(squeezed[1:]) })

	key := bytes.Repeat([]byte{7}, 16)
	for _, size := range []int{100, 1371} {
		plain := make([]byte, size)
		_, _ = rand.Read(plain)
		sealed := encrypt(key, plain)
		name := strconv.Itoa(size) + " bytes, AES-128-GCM"
		measure("encrypt "+name, len(sealed), func() { sink = encrypt(key, plain) })
		measure("decrypt "+name, len(sealed), func() { sink = decrypt(key, sealed) })
	}

	ping := messages()[0]
	measure("send path of a ping", 0, func() { sink = checksum(smaller(encode(ping.kind, ping.value))) })
	measure("send path of a ping, encrypted", 0, func() {
		sink = encrypt(key, checksum(smaller(encode(ping.kind, ping.value))))
	})
	return out
}

type sample struct {
	name  string
	kind  byte
	value any
	empty func() any
}

func messages() []sample {
	meta := make([]byte, 128)
	_, _ = rand.Read(meta)
	source := []byte{10, 0, 3, 7}
	return []sample{
		{"ping", 0, &pingRecord{123456, name(42), source, 7946, name(7)}, func() any { return &pingRecord{} }},
		{"indirect ping", 1,
			&indirectPingRecord{123456, []byte{10, 0, 3, 9}, 7946, name(42), true, source, 7946, name(7)},
			func() any { return &indirectPingRecord{} }},
		{"ack", 2, &ackRecord{123456, nil}, func() any { return &ackRecord{} }},
		{"nack", 11, &nackRecord{123456}, func() any { return &nackRecord{} }},
		{"suspect", 3, &accusationRecord{12, name(42), name(7)}, func() any { return &accusationRecord{} }},
		{"alive", 4, alive(42, nil), func() any { return &aliveRecord{} }},
		{"alive with 128 bytes of meta", 4, alive(42, meta), func() any { return &aliveRecord{} }},
		{"dead", 5, &accusationRecord{12, name(42), name(7)}, func() any { return &accusationRecord{} }},
	}
}

func name(i int) string { return fmt.Sprintf("web-%05d.eu.example", i) }

func alive(i int, meta []byte) *aliveRecord {
	return &aliveRecord{12, name(i), []byte{10, 0, byte(i >> 8), byte(i)}, 7946, meta, []uint8{1, 5, 2, 2, 5, 5}}
}

func encode(kind byte, value any) []byte {
	buf := bytes.NewBuffer(nil)
	buf.WriteByte(kind)
	handle := codec.MsgpackHandle{}
	handle.TimeNotBuiltin = true
	must(codec.NewEncoder(buf, &handle).Encode(value))
	return buf.Bytes()
}

func decode(body []byte, target any) {
	handle := codec.MsgpackHandle{}
	must(codec.NewDecoder(bytes.NewReader(body), &handle).Decode(target))
}

func pack(parts [][]byte) []byte {
	buf := bytes.NewBuffer(nil)
	buf.WriteByte(7)
	buf.WriteByte(byte(len(parts)))
	for _, part := range parts {
		_ = binary.Write(buf, binary.BigEndian, uint16(len(part)))
	}
	for _, part := range parts {
		buf.Write(part)
	}
	return buf.Bytes()
}

func unpack(body []byte) (parts [][]byte) {
	count := int(body[0])
	lengths := make([]uint16, count)
	for i := range lengths {
		lengths[i] = binary.BigEndian.Uint16(body[1+2*i:])
	}
	rest := body[1+2*count:]
	for _, length := range lengths {
		parts = append(parts, rest[:length])
		rest = rest[length:]
	}
	return parts
}

func pushPull(count int) []byte {
	buf := bytes.NewBuffer(nil)
	buf.WriteByte(6)
	handle := codec.MsgpackHandle{}
	handle.TimeNotBuiltin = true
	encoder := codec.NewEncoder(buf, &handle)
	must(encoder.Encode(&pushPullHeader{Nodes: count}))
	for i := range count {
		a := alive(i, nil)
		must(encoder.Encode(&pushPullEntry{a.Node, a.Addr, a.Port, a.Meta, a.Incarnation, 0, a.Vsn}))
	}
	return buf.Bytes()
}

func readPushPull(stream []byte) []pushPullEntry {
	handle := codec.MsgpackHandle{}
	decoder := codec.NewDecoder(bytes.NewReader(stream[1:]), &handle)
	var header pushPullHeader
	must(decoder.Decode(&header))
	entries := make([]pushPullEntry, header.Nodes)
	for i := range entries {
		must(decoder.Decode(&entries[i]))
	}
	return entries
}

func compress(plain []byte) []byte {
	var buf bytes.Buffer
	writer := lzw.NewWriter(&buf, lzw.LSB, 8)
	_, err := writer.Write(plain)
	must(err)
	must(writer.Close())
	return encode(9, &compressedRecord{Algo: 0, Buf: buf.Bytes()})
}

func decompress(body []byte) []byte {
	var record compressedRecord
	decode(body, &record)
	reader := lzw.NewReader(bytes.NewReader(record.Buf), lzw.LSB, 8)
	defer func() { _ = reader.Close() }()
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, reader, 40<<20); err != io.EOF {
		must(err)
	}
	return buf.Bytes()
}

// smaller is the compressed form of a packet if that is shorter: it is tried on every packet.
func smaller(packet []byte) []byte {
	if squeezed := compress(packet); len(squeezed) < len(packet) {
		return squeezed
	}
	return packet
}

func checksum(packet []byte) []byte {
	header := make([]byte, 5, 5+len(packet))
	header[0] = 12
	binary.BigEndian.PutUint32(header[1:], crc32.ChecksumIEEE(packet))
	return append(header, packet...)
}

// encrypt is envelope version 1: a new cipher for each packet, as memberlist makes one.
func encrypt(key, plain []byte) []byte {
	gcm := newCipher(key)
	var buf bytes.Buffer
	buf.Grow(1 + 12 + len(plain) + 16)
	buf.WriteByte(1)
	_, err := io.CopyN(&buf, rand.Reader, 12)
	must(err)
	buf.Write(gcm.Seal(nil, buf.Bytes()[1:13], plain, nil))
	return buf.Bytes()
}

func decrypt(key, sealed []byte) []byte {
	plain, err := newCipher(key).Open(nil, sealed[1:13], sealed[13:], nil)
	must(err)
	return plain
}

func newCipher(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	must(err)
	gcm, err := cipher.NewGCM(block)
	must(err)
	return gcm
}

func timePerCall(round time.Duration, f func()) float64 {
	calls := 1
	for {
		begin := time.Now()
		for range calls {
			f()
		}
		if took := time.Since(begin); took > round/10 {
			calls = max(1, int(float64(calls)*float64(round)/float64(took)))
			break
		}
		calls *= 4
	}
	rounds := []float64{}
	for range 3 {
		begin := time.Now()
		for range calls {
			f()
		}
		rounds = append(rounds, float64(time.Since(begin).Nanoseconds())/float64(calls))
	}
	slices.Sort(rounds)
	return rounds[1]
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/internal/ledger/journal"
	"github.com/holdfast-dev/holdfast/internal/ledger/volume"
)

// An object's file is a zstd frame, followed by a skippable zstd frame that
// holds the SHA-256 of the bytes before it: a changed byte shows even where
// zstd would decode the same content.
const (
	skippableMagic  = 0x184D2A50
	sealSize        = 8 + sha256.Size
	maxObjectMemory = 64 << 20
)

// codec compresses and decompresses. It is safe for concurrent use.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
	// putting is held while objects get their files: two may put the same one.
	putting sync.Mutex
}

func newCodec() (*codec, error) {
	enc, err := newEncoder(nil)
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxObjectMemory))
	if err != nil {
		return nil, err
	}
	return &codec{enc: enc, dec: dec}, nil
}

func newEncoder(w io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
}

// pack compresses data and seals it.
func (c *codec) pack(data []byte) []byte { return seal(c.enc.EncodeAll(data, nil)) }

// packAll packs what write writes, of which little is in memory at a time.
func packAll(write func(io.Writer) error) ([]byte, error) {
	var out bytes.Buffer
	enc, err := newEncoder(&out)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(write(enc), enc.Close()); err != nil {
		return nil, err
	}
	return seal(out.Bytes()), nil
}

// seal appends the seal of a frame.
func seal(out []byte) []byte {
	sum := sha256.Sum256(out)
	out = binary.LittleEndian.AppendUint32(out, skippableMagic)
	out = binary.LittleEndian.AppendUint32(out, sha256.Size)
	return append(out, sum[:]...)
}

// unpack is the inverse of pack.
func (c *codec) unpack(packed []byte) ([]byte, error) {
	frame, err := unseal(packed)
	if err != nil {
		return nil, err
	}
	return c.dec.DecodeAll(frame, nil)
}

// unpackTo is the inverse of packAll: read reads what was written.
func unpackTo(packed []byte, read func(io.Reader) error) error {
	frame, err := unseal(packed)
	if err != nil {
		return err
	}
	dec, err := zstd.NewReader(bytes.NewReader(frame), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxObjectMemory))
	if err != nil {
		return err
	}
	defer dec.Close()
	return read(dec)
}

// unseal checks a seal, and returns the frame before it.
func unseal(packed []byte) ([]byte, error) {
	if len(packed) < sealSize {
		return nil, errors.New("too short")
	}
	frame, seal := packed[:len(packed)-sealSize], packed[len(packed)-sealSize:]
	sum := sha256.Sum256(frame)
	switch {
	case binary.LittleEndian.Uint32(seal) != skippableMagic, binary.LittleEndian.Uint32(seal[4:]) != sha256.Size:
		return nil, errors.New("no seal at the end")
	case !bytes.Equal(seal[8:], sum[:]):
		return nil, errors.New("the seal does not match the content")
	}
	return frame, nil
}

func classOf(r *journal.Record) string {
	if r.Type == journal.TypeActor {
		return actorsDir
	}
	return objectsDir
}

// recordPath is the file of a record's object.
func (p place) recordPath(r *journal.Record) string {
	return p.object(classOf(r), hex.EncodeToString(r.Digest[:]))
}

// putObjects makes objects durable, but for those of which there says that they
// are. The disk's waits overlap; each directory is synced once.
func (p place) putObjects(c *codec, records []journal.Record, there func(path string) bool) error {
	c.putting.Lock()
	defer c.putting.Unlock()
	dirs := map[string]struct{}{}
	begun := map[string]struct{}{}
	var files errgroup.Group
	files.SetLimit(putAtOnce)
	for i := range records {
		r := &records[i]
		if sha256.Sum256(r.Data) != r.Digest {
			return errors.Join(fmt.Errorf("object %x is not what its digest says", r.Digest), files.Wait())
		}
		path := p.recordPath(r)
		if _, twice := begun[path]; twice || there(path) {
			continue
		}
		begun[path] = struct{}{}
		if _, made := dirs[filepath.Dir(path)]; !made {
			if err := volume.MkdirAll(filepath.Dir(path)); err != nil {
				return errors.Join(err, files.Wait())
			}
			dirs[filepath.Dir(path)] = struct{}{}
		}
		files.Go(func() error { return volume.Replace(path, c.pack(r.Data)) })
	}
	if err := files.Wait(); err != nil {
		return err
	}
	var names errgroup.Group
	names.SetLimit(putAtOnce)
	for dir := range dirs {
		names.Go(func() error { return volume.SyncDir(dir) })
	}
	return names.Wait()
}

// putAtOnce is how many files are written at the same time.
const putAtOnce = 16

// readObject reads the file of an object.
func readObject(c *codec, path, digest string) (Object, error) {
	packed, err := os.ReadFile(path)
	if err != nil {
		return Object{}, err
	}
	data, err := c.unpack(packed)
	if err != nil {
		return Object{}, fmt.Errorf("object %s: %w", digest, err)
	}
	if got := Digest(data); got != digest {
		return Object{}, fmt.Errorf("object %s: its content has the digest %s", digest, got)
	}
	return Object{Digest: digest, Data: data}, nil
}

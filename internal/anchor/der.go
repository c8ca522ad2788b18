package anchor

import (
	"encoding/asn1"
	"errors"
	"fmt"
)

// maxDepth is how deep values may lie within each other. Time stamps with their
// certificates need about twenty.
const maxDepth = 40

// checkDER refuses what is not DER, all the way down. The parser behind it takes
// the laxer BER, and can be kept busy for ever by lengths that overlap.
func checkDER(data []byte, depth int) error {
	if depth == 0 {
		return errors.New("it is nested too deeply")
	}
	for len(data) > 0 {
		var value asn1.RawValue
		rest, err := asn1.Unmarshal(data, &value)
		if err != nil {
			return fmt.Errorf("it is not DER: %w", err)
		}
		if value.IsCompound {
			if err := checkDER(value.Bytes, depth-1); err != nil {
				return err
			}
		}
		data = rest
	}
	return nil
}

package canary

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	// maxScrape bounds what is read of an API server's metrics, maxKept what is
	// kept of it, and maxLine a line.
	maxScrape = 256 << 20
	maxKept   = 4 << 20
	maxLine   = 64 << 10
)

// The families that tell how objects are stored. Most are ALPHA: one that is
// absent says nothing by itself.
const (
	operations = "apiserver_storage_transformation_operations_total"
	keyUses    = "apiserver_envelope_encryption_key_id_hash_total"
	keyLastUse = "apiserver_envelope_encryption_key_id_hash_last_timestamp_seconds"
	configInfo = "apiserver_encryption_config_controller_last_config_info"
	requests   = "apiserver_request_total"
	disabled   = "disabled_metrics_total"
	startTime  = "process_start_time_seconds"
)

// sample is a value of a metric.
type sample struct {
	family string
	labels map[string]string
	value  float64
}

// parse reads what tells how objects of a resource are stored out of the text of an
// API server's metrics. It reads line by line and drops the rest, of which a large
// cluster has a hundred megabytes.
func parse(text io.Reader, resource string) ([]sample, error) {
	limited := &io.LimitedReader{R: text, N: maxScrape}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, 4<<10), maxLine)
	var kept bytes.Buffer
	for lines.Scan() {
		if !concerns(lines.Bytes(), resource) {
			continue
		}
		if kept.Len()+maxLine > maxKept {
			return nil, errors.New("more than is looked at")
		}
		kept.Write(lines.Bytes())
		kept.WriteByte('\n')
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read line by line: %w", err)
	}
	if limited.N == 0 {
		return nil, errors.New("more than is read")
	}
	return samples(&kept)
}

// concerns is whether a line is a sample that tells how objects are stored.
func concerns(line []byte, resource string) bool {
	end := bytes.IndexAny(line, "{ \t")
	if end < 0 {
		return false
	}
	switch string(line[:end]) {
	case operations, keyUses, keyLastUse, configInfo, disabled, startTime:
		return true
	case requests: // a great many: those that create an object of the resource will do
		return bytes.Contains(line, []byte(`verb="POST"`)) && bytes.Contains(line, []byte(`resource="`+resource+`"`))
	}
	return false
}

// samples decodes lines of samples, without comments, in the text format.
func samples(text io.Reader) ([]sample, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	var all []sample
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			s := sample{family: name, labels: map[string]string{}, value: metric.GetUntyped().GetValue()}
			for _, label := range metric.GetLabel() {
				s.labels[label.GetName()] = strings.Clone(label.GetValue())
			}
			all = append(all, s)
		}
	}
	return all, nil
}

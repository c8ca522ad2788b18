package e2e

import (
	"bytes"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/holdfast-dev/holdfast/internal/ledger"
	"github.com/holdfast-dev/holdfast/test/harness"
)

var _ = Describe("Invariant 11: Tampering shows", func() {
	It("finds an episode that was rewritten, and names the file", func() {
		s := onOwn("tampered", harness.OperatorOptions{})
		names := s.protected(2)
		s.drift(names...)
		s.awaitEpisodes(2, ledger.OriginDrift, ledger.EndingRepaired)
		s.op.Stop(s.tb)
		report := s.op.Verify(s.tb)
		Expect(report.Status).To(Equal(ledger.VerifyValid), "%v %v", report.Problems, report.Missing)

		bundles := filesWith(filepath.Join(s.op.LedgerDir, "ledgers"), []byte(`"origin":"Drift"`))
		Expect(bundles).NotTo(BeEmpty())
		for _, bundle := range bundles {
			original, err := os.ReadFile(bundle)
			Expect(err).NotTo(HaveOccurred())
			Expect(os.Chmod(bundle, 0o600)).To(Succeed())
			Expect(os.WriteFile(bundle, rewritten(original), 0o600)).To(Succeed())
			report := s.op.Verify(s.tb)
			Expect(report.Status).To(Equal(ledger.VerifyInvalid))
			rel, err := filepath.Rel(s.op.LedgerDir, bundle)
			Expect(err).NotTo(HaveOccurred())
			var files []string
			for _, p := range report.Problems {
				files = append(files, p.File)
			}
			Expect(files).To(ContainElement(filepath.ToSlash(rel)))
			Expect(os.WriteFile(bundle, original, 0o600)).To(Succeed())
		}
	})
})

// rewritten is the content with the first drift called something else, of the
// same length.
func rewritten(content []byte) []byte {
	return bytes.Replace(content, []byte(`"origin":"Drift"`), []byte(`"origin":"Draft"`), 1)
}

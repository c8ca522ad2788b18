package encryptionatrest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/control"
)

// now is the time of evaluations, classMade when classes came to be.
var (
	classMade = time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	now       = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
)

const (
	p = v1alpha1.EncryptionProviderManaged
	c = v1alpha1.EncryptionCustomerManaged
)

// params reads "key=value key=value".
func params(text string) map[string]string {
	parameters := map[string]string{}
	for _, one := range strings.Fields(text) {
		key, value, _ := strings.Cut(one, "=")
		parameters[key] = value
	}
	return parameters
}

// values is params as the API has them.
func values(text string) map[string]v1alpha1.ParameterValue {
	parameters := map[string]v1alpha1.ParameterValue{}
	for key, value := range params(text) {
		parameters[key] = v1alpha1.ParameterValue(value)
	}
	return parameters
}

func storageClass(name, provisioner, parameters string) control.StorageClass {
	return control.StorageClass{Meta: control.Meta{Name: name, UID: "class-" + name, CreatedAt: classMade}, Provisioner: provisioner, Parameters: params(parameters)}
}

// made is a volume that a provisioner made by a class, a day after the class was.
func made(provisioner, parameters string, edits ...func(*control.Volume)) control.Volume {
	class := storageClass("fast", provisioner, parameters)
	return volume(provisioner, append([]func(*control.Volume){func(v *control.Volume) {
		v.Provisioner, v.ClassName, v.Class = provisioner, class.Name, &class
	}}, edits...)...)
}

// volume is one that was made by hand.
func volume(source string, edits ...func(*control.Volume)) control.Volume {
	v := control.Volume{Meta: control.Meta{Name: "pv-1", UID: "pv-uid", CreatedAt: classMade.Add(24 * time.Hour)}, Claim: "data",
		Phase: corev1.VolumeBound, Source: source, Handle: "handle-1"}
	for _, edit := range edits {
		edit(&v)
	}
	return v
}

func attributes(text string) func(*control.Volume) {
	return func(v *control.Volume) { v.Attributes = params(text) }
}

func handle(h string) func(*control.Volume) { return func(v *control.Volume) { v.Handle = h } }

func older(v *control.Volume)     { v.CreatedAt = classMade.Add(-time.Second) }
func asOld(v *control.Volume)     { v.CreatedAt = classMade }
func classGone(v *control.Volume) { v.Class = nil }

func attest(level v1alpha1.EncryptionLevel, until time.Time, edit func(*v1alpha1.VolumeAttestation)) v1alpha1.VolumeAttestation {
	a := v1alpha1.VolumeAttestation{Level: level, Attestation: v1alpha1.Attestation{
		Ref: "DOC-7", SHA256: strings.Repeat("a", 64), Signer: "ciso", ValidUntil: metav1.NewTime(until)}}
	edit(&a)
	return a
}

func byHandle(handles ...string) func(*v1alpha1.VolumeAttestation) {
	return func(a *v1alpha1.VolumeAttestation) { a.VolumeHandles = handles }
}
func byProvisioner(name string) func(*v1alpha1.VolumeAttestation) {
	return func(a *v1alpha1.VolumeAttestation) { a.Provisioner = name }
}
func byClass(name string) func(*v1alpha1.VolumeAttestation) {
	return func(a *v1alpha1.VolumeAttestation) { a.StorageClass = name }
}
func byPolicy(name string) func(*v1alpha1.VolumeAttestation) {
	return func(a *v1alpha1.VolumeAttestation) { a.StoragePolicy = name }
}

func stating(v v1alpha1.VolumeEncryption) v1alpha1.ControlSpec {
	return v1alpha1.ControlSpec{ID: "ENC-1", Mode: v1alpha1.ModeEnforce, EncryptionAtRest: &v1alpha1.EncryptionAtRest{Volumes: &v}}
}

func attesting(attestations ...v1alpha1.VolumeAttestation) v1alpha1.VolumeEncryption {
	return v1alpha1.VolumeEncryption{Attestations: attestations}
}

// judged is what is wanted of a finding: level, outcome, reason, and culprits after a colon.
func judged(f control.Finding) string {
	text := f.Facts["level"] + " " + string(f.Outcome) + " " + f.Reason
	if len(f.Culprits) > 0 {
		text += ": " + strings.Join(f.Culprits, ", ")
	}
	return text
}

func TestClassLevels(t *testing.T) {
	year := now.AddDate(1, 0, 0)
	good := func(l string) string { return l + " Conforming Encrypted" }
	bad := func(provisioner string) string { return "None Deviating Unencrypted: provisioner " + provisioner }
	unseen := func(provisioner string) string { return "Unknown Deviating NotShown: provisioner " + provisioner }
	for name, tc := range map[string]struct {
		provisioner, parameters string
		control                 v1alpha1.VolumeEncryption
		want                    string
	}{
		"EBS":                              {"ebs.csi.aws.com", "", v1alpha1.VolumeEncryption{}, bad("ebs.csi.aws.com")},
		"EBS encrypted":                    {"ebs.csi.aws.com", "encrypted=true", v1alpha1.VolumeEncryption{}, good("ProviderManaged")},
		"EBS with a key":                   {"ebs.csi.aws.com", "encrypted=true kmsKeyId=arn", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"EBS with an empty key":            {"ebs.csi.aws.com", "encrypted=true kmsKeyId=", v1alpha1.VolumeEncryption{}, good("ProviderManaged")},
		"EBS with a key alone":             {"ebs.csi.aws.com", "kmsKeyId=arn", v1alpha1.VolumeEncryption{}, bad("ebs.csi.aws.com")},
		"EBS in any case":                  {"ebs.csi.aws.com", "ENCRYPTED=true KmsKeyID=arn", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"EBS twice, in two cases":          {"ebs.csi.aws.com", "encrypted=true Encrypted=false", v1alpha1.VolumeEncryption{}, bad("ebs.csi.aws.com")},
		"EBS yes":                          {"ebs.csi.aws.com", "encrypted=yes", v1alpha1.VolumeEncryption{}, bad("ebs.csi.aws.com")},
		"EBS in-tree":                      {"kubernetes.io/aws-ebs", "encrypted=true", v1alpha1.VolumeEncryption{}, good("ProviderManaged")},
		"EBS, an account that encrypts":    {"ebs.csi.aws.com", "", attesting(attest(p, year, byProvisioner("ebs.csi.aws.com"))), "None Conforming Attested"},
		"EFS":                              {"efs.csi.aws.com", "encryptInTransit=true", v1alpha1.VolumeEncryption{}, unseen("efs.csi.aws.com")},
		"GCE":                              {"pd.csi.storage.gke.io", "", v1alpha1.VolumeEncryption{}, good("ProviderManaged")},
		"GCE with a key":                   {"pd.csi.storage.gke.io", "disk-encryption-kms-key=k", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"GCE in-tree":                      {"kubernetes.io/gce-pd", "Disk-Encryption-KMS-Key=k", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"Filestore with a key":             {"filestore.csi.storage.gke.io", "instance-encryption-kms-key=k", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"Azure disk":                       {"disk.csi.azure.com", "", v1alpha1.VolumeEncryption{}, good("ProviderManaged")},
		"Azure disk with a set":            {"disk.csi.azure.com", "diskEncryptionSetID=s", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"Azure file":                       {"file.csi.azure.com", "requireInfraEncryption=true", v1alpha1.VolumeEncryption{}, good("ProviderManaged")},
		"Ceph RBD":                         {"rbd.csi.ceph.com", "", v1alpha1.VolumeEncryption{}, bad("rbd.csi.ceph.com")},
		"Ceph RBD encrypted":               {"rbd.csi.ceph.com", "encrypted=true encryptionKMSID=v", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"Rook RBD":                         {"rook-ceph.rbd.csi.ceph.com", "encrypted=true", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"Ceph RBD, another case":           {"rbd.csi.ceph.com", "Encrypted=true", v1alpha1.VolumeEncryption{}, bad("rbd.csi.ceph.com")},
		"CephFS of ODF":                    {"openshift-storage.cephfs.csi.ceph.com", "encrypted=true", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"Longhorn":                         {"driver.longhorn.io", "encrypted=false", v1alpha1.VolumeEncryption{}, bad("driver.longhorn.io")},
		"Longhorn encrypted":               {"driver.longhorn.io", "encrypted=true", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"Mayastor":                         {"io.openebs.csi-mayastor", "encrypted=true", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"OpenEBS local":                    {"openebs.io/local", "", v1alpha1.VolumeEncryption{}, unseen("openebs.io/local")},
		"Portworx":                         {"pxd.portworx.com", "secure=true", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"vSphere":                          {"csi.vsphere.vmware.com", "storagepolicyname=gold", v1alpha1.VolumeEncryption{}, unseen("csi.vsphere.vmware.com")},
		"vSphere, attested":                {"csi.vsphere.vmware.com", "StoragePolicyName=gold", attesting(attest(c, year, byPolicy("gold"))), "Unknown Conforming Attested"},
		"vSphere, another policy":          {"csi.vsphere.vmware.com", "storagepolicyname=silver", attesting(attest(c, year, byPolicy("gold"))), unseen("csi.vsphere.vmware.com")},
		"a policy of no vSphere":           {"efs.csi.aws.com", "storagepolicyname=gold", attesting(attest(c, year, byPolicy("gold"))), unseen("efs.csi.aws.com")},
		"DigitalOcean":                     {"dobs.csi.digitalocean.com", "", v1alpha1.VolumeEncryption{}, good("ProviderManaged")},
		"Linode":                           {"linodebs.csi.linode.com", "", v1alpha1.VolumeEncryption{}, bad("linodebs.csi.linode.com")},
		"Linode encrypted":                 {"linodebs.csi.linode.com", "linodebs.csi.linode.com/encrypted=true", v1alpha1.VolumeEncryption{}, good("ProviderManaged")},
		"Linode LUKS":                      {"linodebs.csi.linode.com", "linodebs.csi.linode.com/luks-encrypted=true", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"IBM":                              {"vpc.block.csi.ibm.io", "encrypted=true", v1alpha1.VolumeEncryption{}, good("ProviderManaged")},
		"IBM with a key":                   {"vpc.block.csi.ibm.io", "encrypted=true encryptionKey=crn", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"Oracle block with a key":          {"blockvolume.csi.oraclecloud.com", "kms-key-id=ocid", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"Oracle file":                      {"fss.csi.oraclecloud.com", "", v1alpha1.VolumeEncryption{}, good("ProviderManaged")},
		"Oracle Lustre with a key":         {"lustre.csi.oraclecloud.com", "kmsKeyId=ocid", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"UpCloud":                          {"storage.csi.upcloud.com", "encryption=none", v1alpha1.VolumeEncryption{}, bad("storage.csi.upcloud.com")},
		"UpCloud encrypted":                {"storage.csi.upcloud.com", "encryption=data-at-rest", v1alpha1.VolumeEncryption{}, good("ProviderManaged")},
		"cloudscale":                       {"csi.cloudscale.ch", "csi.cloudscale.ch/luks-encrypted=true", v1alpha1.VolumeEncryption{}, good("CustomerManaged")},
		"local path":                       {"rancher.io/local-path", "", v1alpha1.VolumeEncryption{}, unseen("rancher.io/local-path")},
		"NFS, attested":                    {"nfs.csi.k8s.io", "server=s", attesting(attest(p, year, byClass("fast"))), "Unknown Conforming Attested"},
		"NFS, another class attested":      {"nfs.csi.k8s.io", "server=s", attesting(attest(p, year, byClass("slow"))), unseen("nfs.csi.k8s.io")},
		"unknown":                          {"disks.example.com", "encrypted=true", v1alpha1.VolumeEncryption{}, "Unknown Deviating UnknownProvisioner: provisioner disks.example.com"},
		"unknown, attested":                {"disks.example.com", "", attesting(attest(p, year, byProvisioner("disks.example.com"))), "Unknown Conforming Attested"},
		"unknown, attestation expired":     {"disks.example.com", "", attesting(attest(p, now, byProvisioner("disks.example.com"))), "Unknown Deviating AttestationExpired: provisioner disks.example.com"},
		"unknown, one of two holds":        {"disks.example.com", "", attesting(attest(p, now.Add(-1), byClass("fast")), attest(p, year, byProvisioner("disks.example.com"))), "Unknown Conforming Attested"},
		"attested below the minimum":       {"disks.example.com", "", v1alpha1.VolumeEncryption{MinimumLevel: c, Attestations: []v1alpha1.VolumeAttestation{attest(p, year, byClass("fast"))}}, "Unknown Deviating UnknownProvisioner: provisioner disks.example.com"},
		"an expired one is not needed":     {"ebs.csi.aws.com", "encrypted=true", attesting(attest(p, now.Add(-1), byClass("fast"))), good("ProviderManaged")},
		"below the minimum":                {"ebs.csi.aws.com", "encrypted=true", v1alpha1.VolumeEncryption{MinimumLevel: c}, "ProviderManaged Deviating BelowMinimum: provisioner ebs.csi.aws.com"},
		"the control's own provisioner":    {"disks.example.com", "sealed=yes", owning("disks.example.com", "sealed=yes", c, ""), good("CustomerManaged")},
		"its other classes are not known":  {"disks.example.com", "", owning("disks.example.com", "sealed=yes", c, ""), unseen("disks.example.com")},
		"its other classes are clear":      {"disks.example.com", "", owning("disks.example.com", "sealed=yes", c, v1alpha1.EncryptionNone), bad("disks.example.com")},
		"its other classes are better":     {"disks.example.com", "", owning("disks.example.com", "clear=yes", v1alpha1.EncryptionNone, p), good("ProviderManaged")},
		"its own, whatever the parameters": {"disks.example.com", "a=b", owning("disks.example.com", "", p, ""), good("ProviderManaged")},
		"its own with any value":           {"disks.example.com", "key=k", owning("disks.example.com", "key=*", c, ""), good("CustomerManaged")},
		"its own overrides the table":      {"rbd.csi.ceph.com", "", owning("rbd.csi.ceph.com", "", p, ""), good("ProviderManaged")},
		"its own folds keys as the table":  {"ebs.csi.aws.com", "TYPE=gp3", owning("ebs.csi.aws.com", "Type=gp3", p, ""), good("ProviderManaged")},
	} {
		t.Run(name, func(t *testing.T) {
			snapshot := &control.Snapshot{StorageClasses: []control.StorageClass{storageClass("fast", tc.provisioner, tc.parameters)}}
			findings := Control{}.Evaluate(control.Input{Control: stating(tc.control), Snapshot: snapshot, Now: now})
			got := findings[len(findings)-1]
			if diff := cmp.Diff(tc.want, judged(got)); diff != "" {
				t.Errorf("ER-01 (-want +got):\n%s\n%s", diff, got.Message)
			}
			if got.Facts["table"] != builtin().String() {
				t.Errorf("the finding rests on the table %q", got.Facts["table"])
			}
			if !got.Born.Equal(classMade) || got.Rule != RuleClass || got.Subject.Kind != "StorageClass" || got.Subject.Namespace != "" {
				t.Errorf("%s on %s, born %s", got.Rule, got.Subject, got.Born)
			}
		})
	}
}

func owning(provisioner, parameters string, level, otherwise v1alpha1.EncryptionLevel) v1alpha1.VolumeEncryption {
	return v1alpha1.VolumeEncryption{Provisioners: []v1alpha1.ProvisionerRule{
		{Provisioner: provisioner, Parameters: values(parameters), Level: level, Otherwise: otherwise, Reason: "RISK-3"}}}
}

func TestVolumeLevels(t *testing.T) {
	year := now.AddDate(1, 0, 0)
	const byFast = ": StorageClass fast"
	for name, tc := range map[string]struct {
		volume  control.Volume
		control v1alpha1.VolumeEncryption
		want    string
	}{
		"made by an encrypted class":               {made("ebs.csi.aws.com", "encrypted=true"), v1alpha1.VolumeEncryption{}, "ProviderManaged Conforming Encrypted"},
		"made by a class in the clear":             {made("ebs.csi.aws.com", ""), v1alpha1.VolumeEncryption{}, "None Deviating Unencrypted" + byFast},
		"as old as its class":                      {made("ebs.csi.aws.com", "encrypted=true", asOld), v1alpha1.VolumeEncryption{}, "ProviderManaged Conforming Encrypted"},
		"older than its class":                     {made("ebs.csi.aws.com", "encrypted=true", older), v1alpha1.VolumeEncryption{}, "None Deviating Unproven" + byFast},
		"its class is gone":                        {made("ebs.csi.aws.com", "encrypted=true", classGone), v1alpha1.VolumeEncryption{}, "None Deviating Unproven" + byFast},
		"gone, of a provider that always does":     {made("dobs.csi.digitalocean.com", "", classGone), v1alpha1.VolumeEncryption{}, "ProviderManaged Conforming Encrypted"},
		"gone, a provider that always does so far": {made("pd.csi.storage.gke.io", "disk-encryption-kms-key=k", older), v1alpha1.VolumeEncryption{}, "ProviderManaged Conforming Encrypted"},
		"gone, and more than that is asked for":    {made("pd.csi.storage.gke.io", "disk-encryption-kms-key=k", older), v1alpha1.VolumeEncryption{MinimumLevel: c}, "ProviderManaged Deviating Unproven" + byFast},
		"below, with nothing left to prove":        {made("dobs.csi.digitalocean.com", "", classGone), v1alpha1.VolumeEncryption{MinimumLevel: c}, "ProviderManaged Deviating BelowMinimum" + byFast},
		"EBS' ext4EncryptionSupport":               {made("ebs.csi.aws.com", "", attributes("ext4EncryptionSupport=true")), v1alpha1.VolumeEncryption{}, "None Deviating Unencrypted" + byFast},
		"Ceph says so itself":                      {made("rbd.csi.ceph.com", "", older, attributes("encrypted=true")), v1alpha1.VolumeEncryption{}, "CustomerManaged Conforming Encrypted"},
		"Ceph says otherwise itself":               {made("rbd.csi.ceph.com", "encrypted=true", attributes("encrypted=false")), v1alpha1.VolumeEncryption{}, "None Deviating Unencrypted" + byFast},
		"Ceph says nothing, its class does":        {made("rbd.csi.ceph.com", "encrypted=true", attributes("pool=p")), v1alpha1.VolumeEncryption{}, "CustomerManaged Conforming Encrypted"},
		"Rook says so itself":                      {made("rook-ceph.cephfs.csi.ceph.com", "", attributes("encrypted=true")), v1alpha1.VolumeEncryption{}, "CustomerManaged Conforming Encrypted"},
		"nobody outweighs what it says itself":     {made("rbd.csi.ceph.com", "encrypted=true", attributes("encrypted=false")), attesting(attest(c, year, byHandle("handle-1"))), "None Deviating Unencrypted" + byFast},
		"Linode says LUKS":                         {made("linodebs.csi.linode.com", "", attributes("linodebs.csi.linode.com/luks-encrypted=true")), v1alpha1.VolumeEncryption{}, "CustomerManaged Conforming Encrypted"},
		"Linode says no LUKS, its class does more": {made("linodebs.csi.linode.com", "linodebs.csi.linode.com/encrypted=true", attributes("linodebs.csi.linode.com/luks-encrypted=false")), v1alpha1.VolumeEncryption{}, "ProviderManaged Conforming Encrypted"},
		"a file system, attested":                  {made("efs.csi.aws.com", "", handle("fs-12::fsap-3")), attesting(attest(p, year, byHandle("fs-12"))), "Unknown Conforming Attested"},
		"another file system":                      {made("efs.csi.aws.com", "", handle("fs-123::fsap-3")), attesting(attest(p, year, byHandle("fs-12"))), "Unknown Deviating NotShown" + byFast},
		"a file system, attested too long ago":     {made("efs.csi.aws.com", "", handle("fs-12")), attesting(attest(p, now, byHandle("fs-12"))), "Unknown Deviating AttestationExpired" + byFast},
		"its class is attested":                    {made("nfs.csi.k8s.io", ""), attesting(attest(p, year, byClass("fast"))), "Unknown Conforming Attested"},
		"its class is attested, and gone":          {made("nfs.csi.k8s.io", "", classGone), attesting(attest(p, year, byClass("fast"))), "Unknown Conforming Attested"},
		"its class is attested, and made anew":     {made("nfs.csi.k8s.io", "", older), attesting(attest(p, year, byClass("fast"))), "Unknown Deviating NotShown" + byFast},
		"a storage policy is attested":             {made("csi.vsphere.vmware.com", "storagepolicyname=gold"), attesting(attest(c, year, byPolicy("gold"))), "Unknown Conforming Attested"},
		"a storage policy, of a class made anew":   {made("csi.vsphere.vmware.com", "storagepolicyname=gold", older), attesting(attest(c, year, byPolicy("gold"))), "Unknown Deviating NotShown" + byFast},
		"its account is attested":                  {made("ebs.csi.aws.com", "", classGone), attesting(attest(p, year, byProvisioner("ebs.csi.aws.com"))), "None Conforming Attested"},
		"by hand, of a driver that may":            {volume("ebs.csi.aws.com"), v1alpha1.VolumeEncryption{}, "None Deviating Unproven: driver ebs.csi.aws.com"},
		"by hand, of a provider that always does":  {volume("pd.csi.storage.gke.io"), v1alpha1.VolumeEncryption{}, "ProviderManaged Conforming Encrypted"},
		"by hand, with the name of a class":        {volume("ebs.csi.aws.com", named("fast", "encrypted=true")), v1alpha1.VolumeEncryption{}, "None Deviating Unproven: driver ebs.csi.aws.com"},
		"by hand, with an attested class' name":    {volume("nfs", named("fast", "")), attesting(attest(p, year, byClass("fast"))), "Unknown Deviating NotShown: driver nfs"},
		"by hand, attested by handle":              {volume("ebs.csi.aws.com", handle("vol-1")), attesting(attest(p, year, byHandle("vol-1"))), "None Conforming Attested"},
		"by hand, Ceph that says so":               {volume("rbd.csi.ceph.com", attributes("encrypted=true")), v1alpha1.VolumeEncryption{}, "CustomerManaged Conforming Encrypted"},
		"in-tree EBS":                              {volume("awsElasticBlockStore"), v1alpha1.VolumeEncryption{}, "None Deviating Unproven: driver awsElasticBlockStore"},
		"in-tree EBS that a class made":            {migrated("kubernetes.io/aws-ebs", "awsElasticBlockStore", "encrypted=true"), v1alpha1.VolumeEncryption{}, "ProviderManaged Conforming Encrypted"},
		"in-tree GCE":                              {volume("gcePersistentDisk"), v1alpha1.VolumeEncryption{}, "ProviderManaged Conforming Encrypted"},
		"in-tree Azure file":                       {volume("azureFile"), v1alpha1.VolumeEncryption{}, "ProviderManaged Conforming Encrypted"},
		"host path":                                {volume("hostPath"), v1alpha1.VolumeEncryption{}, "Unknown Deviating NotShown: driver hostPath"},
		"local, attested":                          {volume("local"), attesting(attest(p, year, byProvisioner("local"))), "Unknown Conforming Attested"},
		"iSCSI":                                    {volume("iscsi"), v1alpha1.VolumeEncryption{}, "Unknown Deviating NotShown: driver iscsi"},
		"of a source that is not listed":           {volume("quobyte"), v1alpha1.VolumeEncryption{}, "Unknown Deviating UnknownProvisioner: driver quobyte"},
		"unknown driver":                           {made("disks.example.com", "encrypted=true"), v1alpha1.VolumeEncryption{}, "Unknown Deviating UnknownProvisioner" + byFast},
		"the control's own provisioner":            {made("disks.example.com", "sealed=yes"), owning("disks.example.com", "sealed=yes", c, v1alpha1.EncryptionNone), "CustomerManaged Conforming Encrypted"},
		"its own, whatever the class":              {made("disks.example.com", "", classGone), owning("disks.example.com", "", p, ""), "ProviderManaged Conforming Encrypted"},
		"its own provisioner of another source":    {migrated("example.com/nfs", "nfs", "sealed=yes"), owning("example.com/nfs", "sealed=yes", p, ""), "ProviderManaged Conforming Encrypted"},
		"its own driver, whose volume says no":     {made("rbd.csi.ceph.com", "", attributes("encrypted=false")), owning("rbd.csi.ceph.com", "", c, ""), "None Deviating Unencrypted" + byFast},
		"a source that its provisioner has not":    {migrated("pd.csi.storage.gke.io", "hostPath", ""), v1alpha1.VolumeEncryption{}, "Unknown Deviating NotShown" + byFast},
		"a class of another provisioner":           {otherMaker(made("ebs.csi.aws.com", "encrypted=true"), "rbd.csi.ceph.com"), v1alpha1.VolumeEncryption{}, "None Deviating Unproven" + byFast},
	} {
		t.Run(name, func(t *testing.T) {
			got := judgeOne(t, tc.control, tc.volume)
			if diff := cmp.Diff(tc.want, judged(got)); diff != "" {
				t.Errorf("ER-03 (-want +got):\n%s\n%s", diff, got.Message)
			}
			if want := (control.Subject{Kind: "PersistentVolume", Namespace: "web", Name: "pv-1", UID: "pv-uid"}); got.Subject != want || !got.Born.Equal(tc.volume.CreatedAt) {
				t.Errorf("the finding is on %+v, born %s", got.Subject, got.Born)
			}
			if attested := got.Reason == ReasonAttested || got.Reason == ReasonAttestationExpired; attested != (got.Basis == control.BasisAttestation) {
				t.Errorf("basis %s with reason %s", got.Basis, got.Reason)
			}
			if holds := got.Reason == ReasonAttested; holds != !got.Until.IsZero() {
				t.Errorf("until %s with reason %s", got.Until, got.Reason)
			}
		})
	}
}

// TestWhyUnproven: whoever reads it has to know what would prove it.
func TestWhyUnproven(t *testing.T) {
	for want, v := range map[string]control.Volume{
		"made by hand":           volume("ebs.csi.aws.com", named("fast", "encrypted=true")),
		"names no class":         made("ebs.csi.aws.com", "", func(v *control.Volume) { v.ClassName, v.Class = "", nil }),
		"not there any more":     made("ebs.csi.aws.com", "", classGone),
		"older than the class":   made("ebs.csi.aws.com", "", older),
		"of another provisioner": otherMaker(made("ebs.csi.aws.com", ""), "rbd.csi.ceph.com"),
	} {
		if got := judgeOne(t, v1alpha1.VolumeEncryption{}, v); !strings.Contains(got.Message, want) {
			t.Errorf("message %q, want %q in it", got.Message, want)
		}
	}
}

func named(class, parameters string) func(*control.Volume) {
	made := storageClass(class, "ebs.csi.aws.com", parameters)
	return func(v *control.Volume) { v.ClassName, v.Class = class, &made }
}

// migrated is a volume whose source is not called as its provisioner is.
func migrated(provisioner, source, parameters string) control.Volume {
	v := made(provisioner, parameters)
	v.Source = source
	return v
}

func otherMaker(v control.Volume, provisioner string) control.Volume {
	v.Provisioner, v.Source = provisioner, provisioner
	return v
}

func judgeOne(t *testing.T, spec v1alpha1.VolumeEncryption, v control.Volume) control.Finding {
	t.Helper()
	snapshot := &control.Snapshot{Namespace: control.Namespace{Name: "web", UID: "web-uid"}, Volumes: []control.Volume{v}}
	findings := Control{}.Evaluate(control.Input{Control: stating(spec), Snapshot: snapshot, Now: now})
	if len(findings) != 1 {
		t.Fatalf("%d findings, want that on the one volume", len(findings))
	}
	return findings[0]
}

// TestUnobservedVolumes: what was not observed never conforms, and has no stand-in.
func TestUnobservedVolumes(t *testing.T) {
	for _, need := range []control.Need{control.NeedVolumes, control.NeedStorageClasses, control.NeedNamespaces} {
		snapshot := &control.Snapshot{Namespace: control.Namespace{Name: "web"}, Volumes: []control.Volume{made("ebs.csi.aws.com", "encrypted=true")},
			Unavailable: map[control.Need]string{need: control.ReasonForbidden}}
		got := Control{}.Evaluate(control.Input{Control: stating(v1alpha1.VolumeEncryption{}), Snapshot: snapshot, Now: now})
		if len(got) != 1 || got[0].Outcome != control.NotEvaluated || got[0].Reason != control.ReasonForbidden || got[0].Rule != RuleVolume {
			t.Errorf("without %s: %+v", need, got)
		}
		snapshot.Volumes = nil
		if got := (Control{}).Evaluate(control.Input{Control: stating(v1alpha1.VolumeEncryption{}), Snapshot: snapshot, Now: now}); len(got) != 0 {
			t.Errorf("without %s and volumes: %+v", need, got)
		}
	}
}

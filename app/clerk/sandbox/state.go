package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// state is everything that the sandbox knows.
type state struct {
	file  string
	key   *rsa.PrivateKey
	order map[string]int // of the seed's people

	mu     sync.Mutex
	data   saved
	nonces map[string]nonce
}

// saved is the part of it that outlives the process.
type saved struct {
	Key           string                   `json:"key"`    // RSA, PKCS #8 in PEM
	Secret        string                   `json:"secret"` // of the Backend API
	Port          int                      `json:"port"`   // last listened on
	People        map[string]Person        `json:"people"`
	Organizations map[string]*organization `json:"organizations"`
	Sessions      map[string]*session      `json:"sessions"`
	Clients       map[string]string        `json:"clients"` // digest of a browser's __client cookie to its session
	Chosen        map[string]string        `json:"chosen"`  // person to the organization chosen last
}

// organization is one with its times.
type organization struct {
	Organization
	CreatedAt time.Time `json:"created_at"`
}

// nonce stands for the directives of a handshake for a minute.
type nonce struct {
	directives []string
	until      time.Time
}

func openState(file string, seed Seed, now time.Time) (*state, error) {
	st := &state{file: file, nonces: map[string]nonce{}, order: map[string]int{}}
	if err := st.load(); err != nil {
		return nil, err
	}
	if err := st.sow(seed, now); err != nil {
		return nil, err
	}
	if err := st.loadKey(); err != nil {
		return nil, err
	}
	if st.data.Secret == "" {
		st.data.Secret = "sk_test_" + rand.Text() + rand.Text()
	}
	return st, st.save()
}

// load reads the file, where there is one.
func (st *state) load() error {
	content := []byte("{}")
	if st.file != "" {
		read, err := os.ReadFile(st.file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil {
			content = read
		}
	}
	st.data = saved{}
	if err := json.Unmarshal(content, &st.data); err != nil || !st.data.whole() {
		return fmt.Errorf("%s is damaged; remove it to begin anew (%w)", st.file, errors.Join(err, errDamaged))
	}
	return nil
}

var errDamaged = errors.New("not what the sandbox has written")

// whole makes missing maps, and tells whether nothing in the others is null.
func (d *saved) whole() bool {
	fill(&d.People)
	fill(&d.Organizations)
	fill(&d.Sessions)
	fill(&d.Clients)
	fill(&d.Chosen)
	for _, o := range d.Organizations {
		if o == nil {
			return false
		}
		fill(&o.Members)
		fill(&o.Invited)
	}
	for _, s := range d.Sessions {
		if s == nil {
			return false
		}
	}
	return true
}

func fill[V any](m *map[string]V) {
	if *m == nil {
		*m = map[string]V{}
	}
}

var (
	personID       = regexp.MustCompile(`^user_[A-Za-z0-9]{1,32}$`)
	organizationID = regexp.MustCompile(`^org_[A-Za-z0-9]{1,32}$`)
)

// sow puts the seed in. People are as the seed has them; organizations stay as they have become.
func (st *state) sow(seed Seed, now time.Time) error {
	for i, p := range seed.People {
		if !personID.MatchString(p.ID) {
			return fmt.Errorf("the seed's person %q has no id of Clerk's form", p.ID)
		}
		st.data.People[p.ID], st.order[p.ID] = p, i
	}
	for _, o := range seed.Organizations {
		if !organizationID.MatchString(o.ID) {
			return fmt.Errorf("the seed's organization %q has no id of Clerk's form", o.ID)
		}
		if _, ok := st.data.Organizations[o.ID]; ok {
			continue
		}
		for what, people := range map[string]*map[string]string{"a member": &o.Members, "a guest": &o.Invited} {
			for id := range *people {
				if _, ok := st.data.People[id]; !ok {
					return fmt.Errorf("the seed's organization %s has %s %q who is nobody", o.ID, what, id)
				}
			}
			if *people = maps.Clone(*people); *people == nil {
				*people = map[string]string{}
			}
		}
		st.data.Organizations[o.ID] = &organization{o, now}
	}
	return nil
}

// loadKey takes the saved key, or makes one the first time.
func (st *state) loadKey() error {
	if st.data.Key == "" {
		return st.makeKey()
	}
	block, _ := pem.Decode([]byte(st.data.Key))
	if block == nil {
		return fmt.Errorf("%s is damaged in its key; remove it to begin anew", st.file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	rsaKey, ok := key.(*rsa.PrivateKey)
	if err != nil || !ok {
		return fmt.Errorf("%s is damaged in its key; remove it to begin anew", st.file)
	}
	st.key = rsaKey
	return nil
}

func (st *state) makeKey() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	st.key, st.data.Key = key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return nil
}

// save writes a side file and renames it, so that a crash leaves the old state or the new one. The caller holds mu, or is
// alone.
func (st *state) save() error {
	if st.file == "" {
		return nil
	}
	content, err := json.Marshal(st.data)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(st.file), 0o755); err != nil {
		return err
	}
	side, err := os.CreateTemp(filepath.Dir(st.file), "sandbox") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(side.Name()) // gone already when all went well
	_, err = side.Write(content)
	if err := errors.Join(err, side.Sync(), side.Close()); err != nil {
		return err
	}
	return os.Rename(side.Name(), st.file)
}

// change runs fn on the data and keeps what it did. fn changes nothing when it returns an error.
func (st *state) change(fn func(*saved) error) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := fn(&st.data); err != nil {
		return err
	}
	return st.save()
}

// look runs fn on the data, of which it must not keep or change anything.
func (st *state) look(fn func(*saved)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	fn(&st.data)
}

// maxNonces bounds the handshakes under way.
const maxNonces = 1000

// keepNonce remembers what a nonce stands for. What is over goes, and somebody's when there are too many.
func (st *state) keepNonce(name string, directives []string, now time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for old, n := range st.nonces {
		if now.After(n.until) || len(st.nonces) >= maxNonces {
			delete(st.nonces, old)
		}
	}
	st.nonces[name] = nonce{directives, now.Add(time.Minute)}
}

// takeNonce gives out what a nonce stands for, once.
func (st *state) takeNonce(name string, now time.Time) ([]string, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	n, ok := st.nonces[name]
	delete(st.nonces, name)
	return n.directives, ok && !now.After(n.until)
}

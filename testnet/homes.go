package testnet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"

	"consilium/internal/durable"
	"consilium/model"
	"consilium/node/identity"
	"consilium/node/roster"
)

// folder is what the hospitals of a testnet have on the disk: a home each,
// beside the roster and the study. For mode process everything is there that
// `hospital-node run` wants; elsewhere, what a node wants.
type folder struct {
	dir    string
	homes  []string
	roster *roster.Roster
}

func (f *folder) rosterFile() string { return filepath.Join(f.dir, "roster.toml") }
func (f *folder) studyFile() string  { return filepath.Join(f.dir, "study.toml") }

// furnish makes the homes, with keys of their own, and the roster that all of
// them sign.
func (s *scenario) furnish(dir string) (*folder, error) {
	f := &folder{dir: dir}
	settings, err := s.homeSettings(dir)
	if err != nil {
		return nil, err
	}
	var ids []*identity.Identity
	var cards []roster.Card
	for i, name := range s.names() {
		home := filepath.Join(dir, name)
		if err := os.MkdirAll(home, 0o700); err != nil {
			return nil, err
		}
		id, err := identity.Generate(home)
		if err != nil {
			return nil, err
		}
		card, err := roster.NewCard(id, name, settings[i].Addresses)
		if err != nil {
			return nil, err
		}
		if err := settings[i].write(home); err != nil {
			return nil, err
		}
		f.homes, ids, cards = append(f.homes, home), append(ids, id), append(cards, card)
	}
	if f.roster, err = roster.New("testnet", cards, s.t.Liars, s.t.Dropouts); err != nil {
		return nil, err
	}
	if s.key != nil {
		if err := s.key.furnish(f); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		if err := f.roster.Sign(id); err != nil {
			return nil, err
		}
	}
	text, err := f.roster.Encode()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{f.rosterFile(): text, f.studyFile(): s.studyText}
	if s.taskText != nil {
		files[filepath.Join(dir, s.study.Task)] = s.taskText
	}
	for name, content := range files {
		if err := durable.WriteFile(name, content, 0o600); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// homeSettings is config.toml of a home, as `hospital-node init` writes it.
type homeSettings struct {
	Name      string   `toml:"name"`
	Listen    []string `toml:"listen"`
	Addresses []string `toml:"addresses"`
	Data      string   `toml:"data"`
}

// homeSettings are those of every home. In this process addresses are found at
// run time, and rows are in memory.
func (s *scenario) homeSettings(dir string) ([]homeSettings, error) {
	settings := make([]homeSettings, len(s.hospitals))
	for i, name := range s.names() {
		settings[i] = homeSettings{Name: name, Listen: []string{loopback(0)}}
	}
	if s.mode != Process {
		return settings, nil
	}
	tables, err := s.tables(dir)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(len(settings))
	if err != nil {
		return nil, err
	}
	for i := range settings {
		address := fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", ports[i])
		settings[i].Listen, settings[i].Addresses, settings[i].Data = []string{address}, []string{address}, tables[i]
	}
	return settings, nil
}

func (c homeSettings) write(home string) error {
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(c); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(home, "config.toml"), text.Bytes(), 0o600)
}

// inventTables writes each hospital's invented rows.
func (s *scenario) inventTables(dir string) ([]string, error) {
	return s.writeTables(dir, func(i int) ([]byte, error) { return model.SyntheticTable(s.study.Seed, i, len(s.hospitals)) })
}

// dealTables writes each hospital's rows of a table that is dealt out.
func (s *scenario) dealTables(dir string) ([]string, error) {
	task := s.study.ModelTask()
	tables, err := task.DealTables(s.folder, len(s.hospitals), s.study.Seed)
	if err != nil {
		return nil, err
	}
	return s.writeTables(dir, func(i int) ([]byte, error) { return tables[i], nil })
}

func (s *scenario) writeTables(dir string, tableOf func(int) ([]byte, error)) ([]string, error) {
	var files []string
	for i, h := range s.hospitals {
		table, err := tableOf(i)
		if err != nil {
			return nil, err
		}
		file, err := filepath.Abs(filepath.Join(dir, h.Name+".table"))
		if err != nil {
			return nil, err
		}
		if err := durable.WriteFile(file, table, 0o600); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// Ports below those that systems hand out to outgoing connections (32768 and
// above): one that is free now stays free while its hospital is down.
const firstPort, lastPort = 15000, 30000

// freePorts finds loopback ports that nobody listens on.
func freePorts(count int) ([]int, error) {
	var ports []int
	for _, offset := range rand.Perm(lastPort - firstPort) {
		if len(ports) == count {
			break
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+offset))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		ports = append(ports, firstPort+offset)
	}
	if len(ports) < count {
		return nil, fmt.Errorf("fewer than %d free ports on 127.0.0.1 between %d and %d", count, firstPort, lastPort)
	}
	return ports, nil
}

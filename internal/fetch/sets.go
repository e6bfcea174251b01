package fetch

import (
	"bytes"
	"slices"
)

// File is one file of a data set.
type File struct {
	Name   string // in the folder
	URL    string // where it is published
	SHA256 string // of the canonical form, in hexadecimal

	// Canonical brings what is published into the form of SHA256; nil when that is
	// the published form.
	Canonical func(published []byte) []byte
}

const uciHeart = "https://archive.ics.uci.edu/ml/machine-learning-databases/heart-disease/"

// sets are the data sets that the embedded tasks read, by name of the task.
var sets = map[string][]File{
	"heart": {
		{Name: "processed.cleveland.data", URL: uciHeart + "processed.cleveland.data", SHA256: "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8"},
		{Name: "processed.hungarian.data", URL: uciHeart + "processed.hungarian.data", SHA256: "d1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796"},
		{Name: "processed.switzerland.data", URL: uciHeart + "processed.switzerland.data", SHA256: "834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314"},
		{Name: "processed.va.data", URL: uciHeart + "processed.va.data", SHA256: "e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f"},
	},
	"pima": {{
		Name: "pima.csv", URL: "https://raw.githubusercontent.com/jbrownlee/Datasets/master/pima-indians-diabetes.csv",
		SHA256: "dc5897f6de0a9f0a551ead716eb74dce6f5819d71037527b1070ed670aa2969e", Canonical: canonicalPima,
	}},
	"diabetes442": {{
		Name: "diabetes442.csv", URL: "https://www4.stat.ncsu.edu/~boos/var.select/diabetes.tab.txt",
		SHA256: "d7e73d79bd56b2661857cad21f68e162af974cfd2db8b4c97c16406a3cd553ee", Canonical: canonicalDiabetes442,
	}},
}

// Names lists the data sets.
func Names() []string { return []string{"heart", "pima", "diabetes442"} }

// Set lists the files of a data set.
func Set(name string) (files []File, ok bool) {
	files, ok = sets[name]
	return slices.Clone(files), ok
}

// canonicalPima puts a header line above the published rows.
func canonicalPima(published []byte) []byte {
	const header = "pregnancies,glucose,blood_pressure,skin_thickness,insulin,bmi,pedigree,age,outcome\n"
	return append([]byte(header), bytes.TrimRight(unixLines(published), "\n")...)
}

// canonicalDiabetes442 turns tabs into commas, and the published header into the
// task's.
func canonicalDiabetes442(published []byte) []byte {
	const header = "age,sex,bmi,bp,s1_tc,s2_ldl,s3_hdl,s4_tch,s5_ltg,s6_glu,target\n"
	_, rows, _ := bytes.Cut(unixLines(published), []byte("\n"))
	rows = bytes.ReplaceAll(bytes.TrimRight(rows, "\n"), []byte("\t"), []byte(","))
	return append(append([]byte(header), rows...), '\n')
}

func unixLines(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

// Package deploy renders what is in deploy/: the chart with a real Helm, the plain
// manifests that are made of it, and the reference of its values. Its tests hold them to
// what they promise. The image is in the package below it.
//
// Helm and helm-docs are pinned by the modules below, built once and kept in the
// user's cache folder.
package deploy

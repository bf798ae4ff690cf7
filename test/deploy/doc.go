// Package deploy checks what is in deploy/ and the Dockerfile: the chart as Helm
// renders it, the plain manifests as kustomize does, and the image as BuildKit
// builds it. Other suites take the image and Helm from here.
//
// Helm, helm-docs and BuildKit are pinned by the modules below, built once and kept
// in the user's cache folder.
package deploy

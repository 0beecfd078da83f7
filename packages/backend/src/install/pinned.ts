/*
 * What is installed. The binding is two C++ files and plain JavaScript in an npm package whose own install script
 * (it downloads a library of 2022) is never run. Node-API's headers come from npm too, so that no Node source
 * archive is downloaded and neither node-gyp nor its Python is needed.
 */

/** Release of TensorFlow whose wheel is fetched. */
export const tensorflowVersion = '2.21.0';

/** Node-API version the binding is built for: Node 12.22, 14.17, 15.12 and everything later have it. */
export const napiVersion = 8;

/** Raised whenever `native/` changes, so that an older build is replaced. */
export const kernelsVersion = 16;

export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** Subresource integrity of the tarball. */
  readonly integrity: string;
}

export const bindingPackage: PinnedPackage = {
  name: '@tensorflow/tfjs-node-gpu',
  version: '4.22.0',
  integrity:
    'sha512-p//NN6DGiN4hInUmIkRffaFVMcdTREUMjPyjW04J7OXvB2zBlQimj61eFKSgRrH3f5TnOfKzb0n56he/B6a4bw==',
};

export const headersPackage: PinnedPackage = {
  name: 'node-api-headers',
  version: '1.9.0',
  integrity:
    'sha512-2oNILP4jXwRB4ywnYKjVk1YyJ96n2D4EOVJO6S3oYZ5PtbJrw3Yt9TpAuX3nBLMuzn74rnfGQrv13pS9vC+YiA==',
};

// Lets a slider select the large picture among those of the strip.
(function () {
  "use strict";
  var large = document.getElementById("newest");
  var when = document.getElementById("when");
  var slider = document.getElementById("time");
  var figures = Array.prototype.slice.call(document.querySelectorAll("#strip figure"));
  var frames = figures.map(function (figure) {
    return { src: figure.querySelector("img").src, text: figure.querySelector("figcaption").textContent };
  });
  frames.push({ src: large.src, text: when.textContent });

  function show() {
    var frame = frames[slider.value];
    large.src = frame.src;
    large.alt = "Generated samples after " + frame.text;
    when.textContent = frame.text;
    slider.setAttribute("aria-valuetext", frame.text);
    figures.forEach(function (figure, i) {
      figure.classList.toggle("shown", i === Number(slider.value));
    });
  }

  function jump(to) {
    slider.value = to;
    show();
  }

  slider.max = frames.length - 1;
  slider.addEventListener("input", show);
  figures.forEach(function (figure, i) {
    figure.classList.add("live");
    figure.addEventListener("click", function () { jump(i); });
  });
  window.addEventListener("beforeprint", function () { jump(frames.length - 1); });
  document.getElementById("scrub").hidden = false;
  jump(frames.length - 1);
})();

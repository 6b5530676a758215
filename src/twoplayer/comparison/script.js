// A slider selects the pictures of all rows at the same share of training; without a script each row shows its end.
(function () {
  "use strict";
  Array.prototype.forEach.call(document.querySelectorAll(".over-time"), function (section) {
    var slider = section.querySelector("input");
    var label = section.querySelector("output");
    var figures = Array.prototype.slice.call(section.querySelectorAll("figure"));
    var last = Number(slider.max);

    function show() {
      var place = Number(slider.value);
      figures.forEach(function (figure) {
        var pictures = figure.querySelectorAll("img");
        Array.prototype.forEach.call(pictures, function (picture, i) { picture.hidden = i !== place; });
        figure.querySelector(".when").textContent = pictures[place].getAttribute("data-when");
      });
      label.textContent = Math.round(100 * Math.pow(place / last, 2)) + " %";
      slider.setAttribute("aria-valuetext", label.textContent + " of training");
    }

    slider.addEventListener("input", show);
    window.addEventListener("beforeprint", function () { slider.value = last; show(); });
    section.querySelector(".scrub").hidden = false;
    slider.value = last;
    show();
  });
})();
